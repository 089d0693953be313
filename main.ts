import { denoHost } from "./src/surfaces/cli/deno_host.ts";
import { runCommandLine } from "./src/surfaces/cli/run.ts";

Deno.exit(await runCommandLine(denoHost(Deno.args)));
