import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { JobdError, messageOf } from "../../domain/errors.ts";

/** How Deno is to resolve the imports of a module: flags. */
export type ProjectFlags = readonly string[];

/** The name under which modules import this library. */
const LIBRARY = "@jobd/jobd";

/**
 * The flags for the Deno project that a module belongs to: the nearest `deno.json` above it, its lock file as it is, and
 * this library under its own name unless the project says where it has it from. So a module means the same in a process of
 * its own as in its project.
 *
 * @throws {JobdError} `invalid_config` when the project's configuration cannot be read
 */
export async function projectFlags(module: string): Promise<ProjectFlags> {
  const found = await nearestConfig(dirname(module));
  const library = ownLibrary();
  const scopes = ownScopes(library);
  if (found === undefined) return ["--no-config", "--no-lock", ...mapFlag({ imports: library, scopes })];
  const config = parse(found.path, found.text);
  const locked = config["lock"] !== false && await isFile(join(dirname(found.path), "deno.lock"));
  const flags = ["--config", found.path, locked ? "--frozen" : "--no-lock"];
  const { imports, scopes: given, importMap } = config;
  const own = config["name"] === LIBRARY || Object.hasOwn(Object(imports), LIBRARY);
  if (own || importMap !== undefined) return flags;
  const base = pathToFileURL(`${dirname(found.path)}/`).href;
  const map = {
    imports: { ...library, ...absolute(imports, base) },
    scopes: {
      ...scopes,
      ...Object.fromEntries(
        Object.entries(Object(given)).map(([scope, own]) => [addressOf(scope, base), absolute(own, base)]),
      ),
    },
  };
  return [...flags, ...mapFlag(map)];
}

/** Where this program has the library from; nothing when it does not know it by its name. */
function ownLibrary(): Record<string, string> {
  try {
    return { [LIBRARY]: import.meta.resolve(LIBRARY) };
  } catch {
    return {};
  }
}

/** The packages that the library's own modules load at once, for them alone. */
function ownScopes(library: Record<string, string>): Record<string, Record<string, string>> {
  const address = library[LIBRARY];
  if (address === undefined) return {};
  try {
    return { [new URL(".", address).href]: { croner: import.meta.resolve("croner") } };
  } catch {
    return {}; // a bundle has them in it
  }
}

function mapFlag(map: { imports: Record<string, string>; scopes: object }): string[] {
  if (Object.keys(map.imports).length === 0) return [];
  return [`--import-map=data:application/json,${encodeURIComponent(JSON.stringify(map))}`];
}

/** The map is no file of the project, so its relative addresses must be said in full. */
function absolute(imports: unknown, base: string): Record<string, string> {
  const entries = Object.entries(Object(imports)).filter(([, address]) => typeof address === "string");
  return Object.fromEntries(entries.map(([name, address]) => [name, addressOf(address as string, base)]));
}

function addressOf(address: string, base: string): string {
  return /^\.{0,2}\//.test(address) ? new URL(address, base).href : address;
}

async function nearestConfig(folder: string): Promise<{ path: string; text: string } | undefined> {
  for (let at = folder;; at = dirname(at)) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(at, name);
      if (await isFile(path)) return { path, text: await Deno.readTextFile(path) };
    }
    if (dirname(at) === at) return undefined;
  }
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}

/** JSON with comments and trailing commas. */
function parse(path: string, text: string): Record<string, unknown> {
  const plain = text.replace(
    /("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[^]*?\*\//g,
    (_, string?: string) => string ?? " ",
  ).replace(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, string?: string) => string ?? "");
  try {
    return Object(JSON.parse(plain));
  } catch (error) {
    throw new JobdError("invalid_config", `${path} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
