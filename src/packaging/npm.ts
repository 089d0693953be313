import { gzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { declarations } from "./declarations.ts";
import { scripts } from "./scripts.ts";
import { tar, textFile } from "./tar.ts";

/** The oldest Node.js with `node:sqlite` for all. */
const NODE = ">=22.13";
/** What people read. */
const TEXTS = ["CHANGELOG.md", "LICENSE", "README.md"];

/**
 * The library as a package for npm: JavaScript for Node.js, Bun and Deno, with its types, and all it needs but packages
 * of npm. The same sources give the same bytes.
 */
export async function npmPackage(): Promise<Uint8Array> {
  const entries = Object.values(config.exports).map((path) => path.slice("./".length));
  const [{ files, packages }, types, texts] = await Promise.all([
    scripts(entries),
    declarations(entries),
    Promise.all(TEXTS.map(async (name) => textFile(name, await Deno.readTextFile(name)))),
  ]);
  const manifest = textFile("package.json", `${JSON.stringify(packageJson(packages), null, 2)}\n`);
  const all = [manifest, ...texts, ...files, ...types];
  return gzipSync(tar(all.map((file) => ({ ...file, name: `package/${file.name}` }))));
}

function packageJson(packages: readonly string[]): Record<string, unknown> {
  const { name, version, license, exports } = config;
  const places = Object.entries(exports).map(([path, source]) => {
    const at = source.replace(/^\.\/src\/(.*)\.ts$/, "./lib/$1");
    return [path, { types: `${at}.d.ts`, default: `${at}.js` }];
  });
  return {
    name,
    version,
    description: "A durable job queue on PostgreSQL or SQLite",
    license,
    type: "module",
    sideEffects: false,
    engines: { node: NODE },
    exports: Object.fromEntries(places),
    dependencies: Object.fromEntries(packages.map((name) => [name, `^${versionOf(name)}`])),
  };
}

/** The version of a package of npm that this checkout uses. */
function versionOf(name: string): string {
  const [, version] = /^npm:.+@([\d.]+)$/.exec(Object(config.imports)[name] ?? "") ?? [];
  if (version === undefined) {
    throw new Error(`The library uses "${name}", of which deno.json names no version`);
  }
  return version;
}
