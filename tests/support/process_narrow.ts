/** A daemon without all permissions: runs a program that leaves something behind and prints what it saw of it. */
import { Processes } from "../../src/runtime/process/processes.ts";

const processes = new Processes();
let output = "";
const end = await processes.run({
  command: "/bin/sh",
  args: ["-c", "setsid sleep 980 & echo hi; exit 0"],
  cwd: "/",
  env: { PATH: "/usr/bin:/bin" },
  attempt: `${crypto.randomUUID()}:1`,
  signal: new AbortController().signal,
  graceMs: 1_000,
  onOutput: (_, text) => {
    output += text;
  },
});
const alive = await processes.isAlive(await processes.identity());
const report = { exitCode: end.exitCode, left: end.tree.left, alive, ended: end.tree.ended >= 1, output };
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report)));
