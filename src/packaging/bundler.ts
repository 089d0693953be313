import { cp } from "node:fs/promises";
import { join } from "node:path";

// What bundles are made from. The bundler works on a copy, with the packages beside it: it writes paths into its output,
// and so the same sources give the same bytes in every folder.
const SOURCES = ["deno.json", "deno.lock", "main.ts", "migrations", "src"];

/** A file of JavaScript. */
export interface Script {
  /** Its path. */
  name: string;
  /** What is in it. */
  text: string;
}

/** Bundles this checkout into few files: the entries, what they share, and what they load only when they need it. */
export async function bundled(entries: readonly string[], flags: readonly string[] = []): Promise<Script[]> {
  const folder = await Deno.makeTempDir({ prefix: "jobd-bundle-" });
  try {
    for (const source of SOURCES) await cp(source, join(folder, source), { recursive: true });
    const options = ["--frozen", "--quiet", "--node-modules-dir=auto", "--platform=deno", "--code-splitting"];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", ...options, ...flags, "--outdir=bundle", ...entries],
      cwd: folder,
    }).output();
    if (!success) throw new Error(`deno bundle: ${new TextDecoder().decode(stderr)}`);
    return await readAll(join(folder, "bundle"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readAll(folder: string, inside = ""): Promise<Script[]> {
  const files: Script[] = [];
  for await (const entry of Deno.readDir(join(folder, inside))) {
    const name = join(inside, entry.name);
    if (entry.isDirectory) files.push(...await readAll(folder, name));
    else files.push({ name, text: await Deno.readTextFile(join(folder, name)) });
  }
  return files.sort((a, b) => a.name < b.name ? -1 : 1);
}
