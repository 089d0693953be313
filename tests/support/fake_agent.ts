import type { AgentConfig } from "../../src/runtime/handlers/agent/agent_config.ts";
import { claudeHandler } from "../../src/runtime/handlers/claude.ts";
import type { Handler } from "../../src/runtime/handler.ts";
import { Processes } from "../../src/runtime/process/processes.ts";

const FAKE = new URL("./fake_claude.ts", import.meta.url).pathname;
/** Where tests of one file run their programs. */
export const processes = new Processes();
const home = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(home, { recursive: true }));

/** The flags of the documented command line. */
export const FLAGS = ["--dangerously-skip-permissions", "-p", "--verbose"];

/** The `claude` handler with the scripted program in place of the real one. */
export function fake(config: AgentConfig = {}): Handler {
  const env = { HOME: home, DENO_DIR: `${home}/deno`, NO_COLOR: "1", ...config.env };
  return claudeHandler({ command: FAKE, ...config, env }, { processes });
}
