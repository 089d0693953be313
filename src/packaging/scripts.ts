import config from "../../deno.json" with { type: "json" };
import { bundled } from "./bundler.ts";
import { type ArchiveFile, textFile } from "./tar.ts";
import { THREADS, withThreads } from "./threads.ts";

/** The library as JavaScript. */
export interface Scripts {
  /** Its files. */
  files: ArchiveFile[];
  /** The packages of npm that they import. */
  packages: string[];
}

/**
 * The library as JavaScript in `lib`, with the migrations in it. `deno pack` would leave imports of texts as they are, which
 * Node.js 22 cannot load, and would not see what is loaded by name.
 *
 * @param entries source files, each of which becomes a file of its own
 */
export async function scripts(entries: readonly string[]): Promise<Scripts> {
  // Not `--packages=external`: to the bundler, what an import map names is no package.
  const external = Object.keys(config.imports).map((name) => `--external=${name}`);
  const files = await bundled([...entries, ...THREADS], external);
  return {
    files: files.map(({ name, text }) => textFile(`lib/${name}`, withThreads(name, text, compiled))),
    packages: [...new Set(files.flatMap(({ text }) => packagesIn(text)))].sort(),
  };
}

/** Where the bundler has a source file: below the folder that all entries share. */
function compiled(source: string): string {
  return source.replace(/^src\/(.*)\.ts$/, "$1.js");
}

function packagesIn(text: string): string[] {
  const imports = text.matchAll(/^(?:import|export) (?:[^;"]* from )?"([^"]+)";$|\bimport\("([^"]+)"\)/gm);
  const names = [...imports].map(([, fixed, dynamic]) => fixed ?? dynamic ?? "");
  return names.filter((name) => !/^(?:\.|node:)/.test(name));
}
