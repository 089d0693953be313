import { PROCESS_DIED } from "../../domain/failure.ts";
import type { FailureRecord } from "../../domain/job.ts";
import { lastLine } from "../handlers/tail.ts";
import type { ProcessEnd } from "../process/run_process.ts";

/** How a process died under an attempt. */
export interface Death {
  kind: "died";
  /** What is kept about it. */
  error: FailureRecord;
}

/** What is known about the end of a process. */
export interface DeathFacts {
  /** How it ended; undefined when it never ran. */
  end: ProcessEnd | undefined;
  /** The last that it said on stderr. */
  lastWords: string;
  /** Its limit. */
  memoryMb: number;
  /** Whether it was ended because it took too much memory in all. */
  outOfMemory: boolean;
}

/** What V8 says before it gives up. */
const HEAP_FULL = /JavaScript heap out of memory|Fatal JavaScript out of memory|out of memory: /i;

/** A death as the failure of the attempt that it ended. */
export function deathOf({ end, lastWords, memoryMb, outOfMemory }: DeathFacts): Death {
  const [exitCode, signal] = [end?.exitCode ?? null, end?.signal ?? null];
  const memory = outOfMemory || (signal !== null && HEAP_FULL.test(lastWords));
  const reason = memory ? "out_of_memory" : signal === null ? "exit" : "signal";
  const message = {
    out_of_memory: `The handler's process ran out of memory: its limit is ${memoryMb} MB`,
    signal: `The handler's process was ended by ${signal}`,
    exit: `The handler's process ended with exit code ${exitCode} before the handler did`,
  }[reason];
  const words = memory ? "" : lastLine(lastWords);
  return {
    kind: "died",
    error: {
      code: PROCESS_DIED,
      message: words === "" ? message : `${message}: ${words}`,
      data: { reason, exitCode, signal },
    },
  };
}
