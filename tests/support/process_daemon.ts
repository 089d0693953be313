/** Stands in for a daemon that is killed: runs one program that starts others, and never ends by itself. */
import { Processes } from "../../src/runtime/process/processes.ts";

await new Processes().run({
  command: "/bin/sh",
  args: ["-c", "trap '' TERM; setsid sleep 982 & sleep 981 & while :; do sleep 1; done"],
  cwd: "/",
  env: { PATH: "/usr/bin:/bin" },
  attempt: Deno.args[0] ?? "",
  signal: new AbortController().signal,
  graceMs: 1_000,
  onOutput: () => {},
});
