import { join } from "node:path";
import { exists } from "../../tests/support/cached_folder.ts";

/** Where each Node is. */
export type Nodes = Record<"node22" | "node24", string>;

const FOLDER = join(import.meta.dirname ?? ".", "..", "peers");
const MODULES = join(FOLDER, "node_modules");
/** In node_modules: the lock file that was installed completely. */
const INSTALLED = join(MODULES, ".installed-lock.json");
/** Node's own packages name processors its way. */
const ARCHITECTURES: Record<string, string> = { x86_64: "x64", aarch64: "arm64" };

/**
 * Installs the peers into bench/peers/node_modules if that was not done yet, and gives the Node that runs them: the newest, and for
 * better-sqlite3, whose present version ends Node 24 when it collects garbage, the one before.
 */
export async function preparePeers(say: (line: string) => void): Promise<Nodes> {
  const lock = await Deno.readTextFile(join(FOLDER, "package-lock.json"));
  const known = await Deno.readTextFile(INSTALLED).catch(() => "");
  const nodes = { node24: nodePath("node24"), node22: nodePath("node22") };
  if (known === lock && await exists(nodes.node22)) return nodes;
  say("Installing the peers (once; compiling better-sqlite3 may take minutes) ...");
  await npm(["install", "--no-save", "--ignore-scripts"], {});
  // Its native part must fit the Node that runs it, not the one that runs npm.
  const bin = join(nodes.node22, "..");
  const PATH = `${bin}:${Deno.env.get("PATH") ?? ""}`;
  await npm(["rebuild", "better-sqlite3", `--nodedir=${join(bin, "..")}`], { PATH });
  await Deno.writeTextFile(INSTALLED, lock);
  return nodes;
}

/** A packaged Node, of the version in package.json. */
function nodePath(name: keyof Nodes): string {
  const { os, arch } = Deno.build;
  if (os !== "linux") throw new Error(`The peers run on Linux only: there is no packaged Node for ${os}`);
  return join(MODULES, `${name}-linux-${ARCHITECTURES[arch] ?? arch}`, "bin", "node");
}

async function npm(args: string[], env: Record<string, string>): Promise<void> {
  const command = new Deno.Command("npm", { args, env, cwd: FOLDER, stdin: "null" });
  const { success, stderr } = await command.output().catch((error) => {
    throw new Error(`The peers need npm: ${error}`);
  });
  if (!success) throw new Error(`npm ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
