import { resolve } from "node:path";
import { tmpdir } from "node:os";

/** The version of the real program that the tests run. */
const VERSION = "2.1.197";

/**
 * The real agent program, installed from npm into a folder of temporary files that later runs use again.
 * Two test processes may ask at once: each installs into a folder of its own and the first to finish wins.
 */
export async function realClaude(): Promise<string> {
  const folder = resolve(tmpdir(), `jobd-test-claude-code-${VERSION}`);
  const program = `${folder}/node_modules/.bin/claude`;
  if (await runs(program)) return program;
  const fresh = await Deno.makeTempDir({ prefix: "jobd-test-claude-" });
  await output("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--foreground-scripts",
    "--prefix",
    fresh,
    `@anthropic-ai/claude-code@${VERSION}`,
  ]);
  // The postinstall step puts the program in place; npm versions that leave it out get it done here.
  if (!await runs(`${fresh}/node_modules/.bin/claude`)) {
    await output("node", [`${fresh}/node_modules/@anthropic-ai/claude-code/install.cjs`]);
  }
  await Deno.chmod(fresh, 0o755);
  await Deno.rename(fresh, folder).catch(() => Deno.remove(fresh, { recursive: true }));
  if (!await runs(program)) {
    throw new Error(`The program in ${folder} does not start; remove the folder and try again`);
  }
  return program;
}

async function runs(program: string): Promise<boolean> {
  try {
    const version = new Deno.Command(program, {
      args: ["--version"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    });
    return new TextDecoder().decode((await version.output()).stdout).startsWith(VERSION);
  } catch {
    return false;
  }
}

async function output(command: string, args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
}
