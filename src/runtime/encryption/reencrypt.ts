import type { Amendment } from "../../domain/amendment.ts";
import { JobdError } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";
import type { Driver } from "../../storage/driver.ts";
import { type ActionReport, ActionTally, LISTED_MAX } from "../action_report.ts";
import { ACTION_PAGE, type WatchedOptions } from "../job_actions.ts";
import type { StoreTime } from "../store_time.ts";
import type { Keyring } from "./keyring.ts";

/** What {@linkcode reencrypt} needs. */
export interface ReencryptParts {
  /** The store. */
  driver: Driver;
  /** The tenant. */
  namespace: string;
  /** The store's time. */
  time: StoreTime;
  /** The keys. */
  keyring: Keyring;
}

const TRIES = 20;

/**
 * Encrypts the own keys of jobs, in whatever state, with the current key, where another one did. Ciphertexts stay, so it does not
 * matter who runs or changes a job meanwhile; whoever stops early or repeats it does nothing twice.
 *
 * @throws {JobdError} `key_missing` when there is no key
 */
export async function reencrypt(parts: ReencryptParts, options: WatchedOptions = {}): Promise<ActionReport> {
  if (parts.keyring.current === undefined) {
    throw new JobdError("key_missing", "There is no key to encrypt with", {
      hint: "Set JOBD_ENCRYPTION_KEYS, or `encryption` of Jobd.open().",
    });
  }
  const tally = new ActionTally(LISTED_MAX);
  let done = 0;
  for await (const jobs of pages(parts)) {
    if (options.signal?.aborted) return tally.report("signal");
    await rewrite(parts, jobs.filter((job) => isOld(job, parts.keyring)), tally);
    options.onProgress?.(done += jobs.length);
  }
  return tally.report();
}

/** How many jobs each key of the program is needed for, among the newest `limit`; `more` when there are others. */
export async function keyUse(
  parts: Pick<ReencryptParts, "driver" | "namespace">,
  limit: number,
): Promise<{ jobs: Map<string, number>; more: boolean }> {
  const jobs = new Map<string, number>();
  let looked = 0;
  for await (const page of pages(parts)) {
    if (looked >= limit) return { jobs, more: true };
    for (const { options: { encrypted } } of page) {
      if (encrypted !== undefined) jobs.set(encrypted.key, (jobs.get(encrypted.key) ?? 0) + 1);
    }
    looked += page.length;
  }
  return { jobs, more: false };
}

/** All jobs, newest first: those that come meanwhile have the key of who made them. */
async function* pages({ driver, namespace }: Pick<ReencryptParts, "driver" | "namespace">) {
  let cursor: string | undefined;
  do {
    const more = cursor === undefined ? {} : { cursor };
    const page = await driver.list({ namespace, limit: ACTION_PAGE, ...more });
    yield page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

function isOld({ options: { encrypted } }: Job, { current }: Keyring): boolean {
  return encrypted !== undefined && encrypted.key !== current;
}

/** Rewrites jobs; one that changed meanwhile is looked at again. */
async function rewrite(parts: ReencryptParts, old: Job[], tally: ActionTally): Promise<void> {
  const { driver, keyring } = parts;
  let open = old;
  for (let tries = 0; open.length > 0 && tries < TRIES; tries++) {
    const amendments: Amendment[] = [];
    for (const job of open) {
      try {
        amendments.push(...await rewriting(parts, job));
      } catch (error) {
        if (!(error instanceof JobdError)) throw error;
        tally.fail({ id: job.id, code: error.code, reason: error.message });
      }
    }
    const results = amendments.length === 0 ? [] : await driver.amend(amendments);
    const ids = (applied: boolean): string[] =>
      amendments.filter((_, at) => (results[at] === "applied") === applied).map(({ id }) => id);
    for (const id of ids(true)) tally.succeed(id);
    const stale = ids(false);
    // One that is gone meanwhile, or got a new payload with the current key, needs nothing any more.
    open = stale.length === 0 ? [] : (await driver.get(stale)).filter((job) => isOld(job, keyring));
  }
  for (const { id } of open) {
    tally.fail({ id, code: "conflict", reason: "it changes too fast: try again" });
  }
}

async function rewriting({ keyring, time }: ReencryptParts, job: Job): Promise<Amendment[]> {
  const { id, state: from, attempt, options: { encrypted: was } } = job;
  if (was === undefined) return [];
  const encrypted = await keyring.rewrap(job, was);
  return [{ id, from, attempt, at: time.now(), change: { kind: "rekey", was, encrypted } }];
}
