import { JobdError } from "../../domain/errors.ts";
import { platform } from "../../storage/platform/here.ts";
import type { ProcessTable } from "./table.ts";

/**
 * The process table of a program that has no right to look at processes, and starts none: it knows its own number, so a
 * worker that dies is found by its lease, as if it had been on another machine.
 */
export class UnseenTable implements ProcessTable {
  scan(): Promise<void> {
    return Promise.reject(unseen());
  }

  signalGroup(): Promise<void> {
    return Promise.reject(unseen());
  }

  memory(): Promise<Map<number, number>> {
    return Promise.reject(unseen());
  }

  place(): ReturnType<ProcessTable["place"]> {
    const host = platform.may({ name: "sys", kind: "hostname" }) ? platform.hostname() : "localhost";
    return Promise.resolve({ host, bootId: null, pidNamespace: null });
  }
}

function unseen(): JobdError {
  return new JobdError("permission_denied", "This program may not look at processes", {
    hint: "Start it with --allow-run=/bin/sh, or with --allow-all.",
  });
}
