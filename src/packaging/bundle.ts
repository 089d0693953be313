import { bundled } from "./bundler.ts";
import { type ArchiveFile, textFile } from "./tar.ts";
import { THREADS, withThreads } from "./threads.ts";

/** Loaded by its name, by handler modules. */
const LIBRARY = "src/mod.ts";

/**
 * Bundles jobd with its dependencies into JavaScript files that need no network, no npm and no configuration. What the
 * program loads only when it needs it stays in files of its own. Throws when a file would be missing in the bundle.
 */
export async function bundle(): Promise<ArchiveFile[]> {
  const files = await bundled(["main.ts", LIBRARY, ...THREADS]);
  const importMap = { imports: { "@jobd/jobd": `./${compiled(LIBRARY)}` } };
  return [
    ...files.map(({ name, text }) => textFile(name, withThreads(name, text, compiled))),
    textFile("import_map.json", JSON.stringify(importMap)),
  ];
}

function compiled(source: string): string {
  return source.replace(/\.ts$/, ".js");
}
