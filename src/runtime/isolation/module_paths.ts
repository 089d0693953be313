import { glob, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { JobdError, show } from "../../domain/errors.ts";

/**
 * The files of handlers that paths, `file:` URLs and patterns (`jobs/*.ts`, also `**`) name; each once.
 *
 * @throws {JobdError} `invalid_request` when there is no such file
 */
export async function modulePaths(names: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const name of names) {
    for (const path of await matches(name)) found.add(resolve(path));
  }
  return [...found];
}

async function matches(name: string): Promise<string[]> {
  if (typeof name !== "string" || name === "") {
    throw new JobdError("invalid_request", `A file of handlers is named by a text, not by ${show(name)}`);
  }
  const path = name.startsWith("file:") ? fileURLToPath(name) : name;
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile()) return [path];
  if (info?.isDirectory()) {
    throw new JobdError("invalid_request", `${show(path)} is a folder, not a file of handlers`, {
      hint: `Name its files, such as ${show(`${path.replace(/\/$/, "")}/*.ts`)}.`,
    });
  }
  const files = /[*?[{]/.test(path) ? (await Array.fromAsync(glob(path))).sort() : [];
  if (files.length > 0) return files;
  throw new JobdError("invalid_request", `There is no file of handlers ${show(path)}`, {
    hint: `Paths start from ${resolve(".")}.`,
  });
}
