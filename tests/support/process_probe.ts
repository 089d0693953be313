import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { attemptMark } from "../../src/domain/attempt_mark.ts";
import type { ProcessEnd, ProcessSpec } from "../../src/runtime/process/run_process.ts";
import type { Processes } from "../../src/runtime/process/processes.ts";
import { ProcTable } from "../../src/runtime/process/proc_table.ts";
import { Scanner } from "../../src/runtime/process/table.ts";

/** Everything a run printed and how it ended. */
export interface Ran extends ProcessEnd {
  stdout: string;
  stderr: string;
}

/** The environment of test programs. */
export const TEST_ENV: Record<string, string> = { PATH: "/usr/local/bin:/usr/bin:/bin" };

/** Runs a shell script of the test's own as one attempt and collects its output. */
export async function runScript(
  processes: Processes,
  script: string,
  spec: Partial<ProcessSpec> = {},
): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const end = await processes.run({
    command: "/bin/sh",
    args: ["-c", script],
    cwd: "/tmp",
    env: TEST_ENV,
    attempt: freshMark(),
    signal: new AbortController().signal,
    graceMs: 2_000,
    onOutput: (stream, text) => {
      if (stream === "stdout") stdout += text;
      else stderr += text;
    },
    ...spec,
  });
  return { ...end, stdout, stderr };
}

/** A mark that no other test uses. */
export function freshMark(attempt = 1): string {
  return attemptMark(crypto.randomUUID(), attempt);
}

/** The live processes with an attempt mark. */
export async function marked(mark: string): Promise<number[]> {
  const rows = await new Scanner(new ProcTable()).rows();
  return rows.filter((row) => row.attempt === mark).map((row) => row.pid);
}

/** Whether a process is alive; zombies are not. */
export async function alive(pid: number): Promise<boolean> {
  return (await new Scanner(new ProcTable()).rows()).some((row) => row.pid === pid);
}

/** Waits until something holds, failing loudly after half a minute. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_500; tries++) {
    if (await holds()) return;
    await pause(20);
  }
  assert.fail(`Gave up waiting until ${what}`);
}
