// deno-lint-ignore-file no-console
import type { JobEvent } from "@jobd/jobd";

/** Prints a line. */
export function print(line: string): void {
  console.log(line);
}

/** Prints what happened to a job. */
export function printEvent({ kind, type, jobId, attempt, error }: JobEvent): void {
  const why = error === undefined ? "" : `: ${error.message}`;
  print(`${kind.padEnd(13)} ${type.padEnd(18)} ${jobId.slice(-8)}  attempt ${attempt}${why}`);
}
