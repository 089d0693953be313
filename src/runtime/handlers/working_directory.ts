import { resolve } from "node:path";
import { StartError } from "../process/start_error.ts";

/** Options of {@linkcode workingDirectory}. */
export interface WorkingDirectoryOptions {
  /** What relative paths start from, and the answer when nothing is asked. */
  base: string;
  /** Folders outside of which nothing may run; links are resolved before that is judged. @default anywhere */
  roots?: readonly string[];
}

/**
 * The folder that a payload asks to work in, absolute and with links resolved.
 *
 * @throws {StartError} `bad_cwd` when it is not text, does not exist, is no folder or lies outside the roots.
 */
export async function workingDirectory(asked: unknown, options: WorkingDirectoryOptions): Promise<string> {
  const { base, roots } = options;
  if (asked !== undefined && asked !== null && typeof asked !== "string") {
    throw new StartError("bad_cwd", "The payload's cwd is not text: give the path of a folder");
  }
  if (asked?.includes("\0")) throw new StartError("bad_cwd", "The payload's cwd contains a NUL character");
  const path = resolve(base, asked ?? ".");
  const real = await realFolder(path);
  if (roots === undefined) return real;
  for (const root of roots) {
    const realRoot = await Deno.realPath(resolve(root)).catch(() => undefined);
    if (realRoot !== undefined && inside(real, realRoot)) return real;
  }
  const allowed = roots.map((root) => JSON.stringify(root)).join(", ");
  throw new StartError("bad_cwd", `The working directory ${quoted(path)} is not inside ${allowed}`);
}

async function realFolder(path: string): Promise<string> {
  const real = await Deno.realPath(path).catch((error: unknown) => {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be used";
    throw new StartError("bad_cwd", `The working directory ${quoted(path)} ${why}`, { cause: error });
  });
  if ((await Deno.stat(real)).isDirectory) return real;
  throw new StartError("bad_cwd", `The working directory ${quoted(path)} is not a directory`);
}

function inside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);
}

function quoted(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}...` : path);
}
