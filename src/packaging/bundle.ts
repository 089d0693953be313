import { cp } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { ArchiveFile } from "./tar.ts";

// What is loaded by its file name and not by an import statement: threads and processes, and the library for handler modules.
const THREADS = ["src/runtime/watchdog_thread.ts", "src/runtime/isolation/isolated_child.ts"];
const LIBRARY = "src/mod.ts";

// What the bundle is made from. The bundler works on a copy, with the packages beside it: it writes paths into its output,
// and so the same sources give the same bytes in every folder.
const SOURCES = ["deno.json", "deno.lock", "main.ts", "migrations", "src"];

/**
 * Bundles jobd with its dependencies into JavaScript files that need no network, no npm and no configuration. What the
 * program loads only when it needs it stays in files of its own. Throws when a file would be missing in the bundle.
 */
export async function bundle(): Promise<ArchiveFile[]> {
  const folder = await Deno.makeTempDir({ prefix: "jobd-bundle-" });
  try {
    for (const source of SOURCES) await cp(source, join(folder, source), { recursive: true });
    const files = await readAll(await runBundler(folder));
    const importMap = { imports: { "@jobd/jobd": `./${compiled(LIBRARY)}` } };
    return [
      ...files.map(({ name, text }) => textFile(name, withThreads(name, text))),
      textFile("import_map.json", JSON.stringify(importMap)),
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Bundles the sources in the folder and returns the folder of the bundle. */
async function runBundler(folder: string): Promise<string> {
  const options = [
    "--frozen",
    "--quiet",
    "--node-modules-dir=auto",
    "--platform",
    "deno",
    "--code-splitting",
  ];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", ...options, "--outdir", "bundle", "main.ts", LIBRARY, ...THREADS],
    cwd: folder,
  }).output();
  if (!success) throw new Error(`deno bundle: ${new TextDecoder().decode(stderr)}`);
  return join(folder, "bundle");
}

/** `deno bundle` leaves the file names of threads as they were: they are led to the bundled ones. */
function withThreads(name: string, text: string): string {
  return text.replace(/new URL\("\.\/([\w./]+)\.ts", import\.meta\.url\)/g, (_, thread: string) => {
    const source = THREADS.find((path) => path.endsWith(`/${thread}.ts`));
    if (!source) {
      throw new Error(`${name} of the bundle loads ${thread}.ts by name: add it to the bundle's threads`);
    }
    return `new URL("./${relative(dirname(name), compiled(source))}", import.meta.url)`;
  });
}

function compiled(source: string): string {
  return source.replace(/\.ts$/, ".js");
}

function textFile(name: string, text: string): ArchiveFile {
  return { name, content: new TextEncoder().encode(text), executable: false };
}

async function readAll(folder: string, inside = ""): Promise<{ name: string; text: string }[]> {
  const files: { name: string; text: string }[] = [];
  for await (const entry of Deno.readDir(join(folder, inside))) {
    const name = join(inside, entry.name);
    if (entry.isDirectory) files.push(...await readAll(folder, name));
    else files.push({ name, text: await Deno.readTextFile(join(folder, name)) });
  }
  return files.sort((a, b) => a.name < b.name ? -1 : 1);
}
