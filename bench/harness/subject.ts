/**
 * What a queue must be able to do so that it can be measured. All of them are measured by the same code, each in a
 * process of its own: jobd and the bare databases in Deno, the peers in Node. So these files use nothing but `node:`.
 */

/** The payload of every job, about 100 bytes of JSON; `sent` only where latency is measured, epoch milliseconds. */
export interface Payload {
  [key: string]: unknown;
  n: number;
  sent?: number;
}

/** What runs a job: a no-op, or a wait. */
export type Handle = (payload: Payload) => Promise<void>;

/** A queue under measurement. */
export interface Subject {
  /** Its name and version, and what was set to other values than its defaults. */
  readonly about: About;
  /** Payloads in one call of `enqueueMany`: what serves this queue best. */
  readonly chunk: number;
  /** Resolves when the job is stored as durably as this queue stores it. */
  enqueue(payload: Payload): Promise<unknown>;
  /** The same for many at once. */
  enqueueMany(payloads: Payload[]): Promise<unknown>;
  /** Starts running jobs. */
  work(concurrency: number, handle: Handle): Promise<Work>;
}

/** A worker. */
export interface Work {
  /** Resolves when the ends of all jobs that were run are in the store; nothing new needs to be claimed any more. */
  settled(): Promise<unknown>;
}

/** Name, version and settings. */
export interface About {
  name: string;
  version: string;
  settings: Record<string, string | number | boolean>;
}

/** Opens the queue on a fresh store, or on one that another process has filled. */
export type OpenSubject = (place: { url: string; options: SubjectOptions }) => Promise<Subject>;

/** Settings of one subject; each knows its own. */
export type SubjectOptions = Record<string, string | number | boolean>;

/** A payload like that of a small mail. */
export function payload(n: number): Payload {
  return {
    n,
    to: `user-${n}@example.com`,
    template: "welcome",
    account: 500_000 + n % 400_000,
    language: "en",
  };
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks until the answer is yes. */
export async function until(ask: () => boolean | Promise<boolean>, everyMs: number = 2): Promise<void> {
  while (!await ask()) await sleep(everyMs);
}
