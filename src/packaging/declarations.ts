import { dirname, join, normalize } from "node:path";
import { gunzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { type ArchiveFile, textFile, untar } from "./tar.ts";

/** The types of what the entries export, and of all that those name, in `lib`: taken from the package that `deno pack` makes. */
export async function declarations(entries: readonly string[]): Promise<ArchiveFile[]> {
  const files = new Map((await packed()).map(({ name, content }) => [name, content]));
  const wanted = new Set(entries.map((path) => path.replace(/\.ts$/, ".d.ts")));
  const types: ArchiveFile[] = [];
  for (const path of wanted) {
    const content = files.get(`package/${path}`);
    if (content === undefined) throw new Error(`deno pack: there are no types of ${path}`);
    const text = new TextDecoder().decode(content);
    for (const named of importsOf(text)) {
      wanted.add(normalize(join(dirname(path), named.replace(/\.js$/, ".d.ts"))));
    }
    types.push(textFile(path.replace(/^src/, "lib"), withPublicNames(path, text)));
  }
  return types.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The files of this package that a declaration file names. */
function importsOf(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+\.js)"/g)].map(([, path = ""]) => path);
}

/** Examples in comments import source files, since they are run there: readers of the package have its own names. */
function withPublicNames(path: string, text: string): string {
  return text.replace(/^(\s*\* import .* from )"(\.[^"]+\.ts)"/gm, (_, start: string, named: string) => {
    const testing = normalize(join(dirname(path), named)).startsWith("src/testing/");
    return `${start}"${config.name}${testing ? "/testing" : ""}"`;
  });
}

async function packed(): Promise<ArchiveFile[]> {
  const folder = await Deno.makeTempDir({ prefix: "jobd-pack-" });
  try {
    const file = join(folder, "package.tgz");
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["pack", "--allow-dirty", "--no-source-maps", "--quiet", "--output", file],
    }).output();
    if (!success) throw new Error(`deno pack: ${new TextDecoder().decode(stderr)}`);
    return untar(gunzipSync(await Deno.readFile(file)));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
