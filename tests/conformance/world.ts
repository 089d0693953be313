import assert from "node:assert/strict";
import { type Amendment, amendmentOf, type Change } from "../../src/domain/amendment.ts";
import { decide } from "../../src/domain/decide.ts";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { Transition } from "../../src/domain/transition.ts";
import { uuidv7 } from "../../src/domain/uuid.ts";
import type {
  AmendResult,
  ClaimRequest,
  ClaimResult,
  Driver,
  InsertResult,
  JobQuery,
  SettleResult,
} from "../../src/storage/driver.ts";
import type { Store } from "./store.ts";

/** The instant at which every test begins. */
export const T = Date.UTC(2026, 0, 1);
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const DAY = 86_400_000;
/** How long the leases of these tests last. */
export const LEASE = 30 * SECOND;

/** A chapter of the suite: what must hold, by a sentence that says it. */
export type Chapter = Record<string, (world: World) => Promise<void>>;

/** One store and short words for what tests do with it. */
export class World {
  readonly driver: Driver;
  readonly reopen: () => Promise<Driver>;
  #made = 0;

  constructor(store: Store) {
    this.driver = store.driver;
    this.reopen = () => store.reopen();
  }

  /** A job that is complete but not inserted. Ids grow in the order of the calls. */
  make(over: Partial<NewJob> = {}): NewJob {
    return newJob(++this.#made, over);
  }

  /** Several jobs like {@linkcode make}. */
  makeMany(count: number, over: Partial<NewJob> = {}): NewJob[] {
    return Array.from({ length: count }, () => this.make(over));
  }

  /** Inserts one job and reads it back. */
  async add(over: Partial<NewJob> = {}): Promise<Job> {
    return await this.job((await this.insert(this.make(over))).id);
  }

  /** Inserts one job. */
  async insert(job: NewJob): Promise<InsertResult> {
    const [result] = await this.driver.insert([job]);
    assert.ok(result);
    return result;
  }

  /** Inserts jobs and gives their ids in order. */
  async addMany(count: number, over: Partial<NewJob> = {}): Promise<string[]> {
    return (await this.driver.insert(this.makeMany(count, over))).map(({ id }) => id);
  }

  /** A job that must exist. */
  async job(id: string): Promise<Job> {
    const [job] = await this.driver.get([id]);
    assert.ok(job, `job ${id} is not there`);
    return job;
  }

  /** Claims as worker "w1" from all queues at T. */
  claim(over: Partial<ClaimRequest> = {}, driver: Driver = this.driver): Promise<ClaimResult> {
    const now = over.now ?? T;
    return driver.claim({
      worker: "w1",
      namespace: "default",
      queues: "all",
      types: "all",
      limit: 1,
      now,
      expiresAt: now + LEASE,
      ...over,
    });
  }

  /** Claims one job, which must be there. */
  async claimOne(over: Partial<ClaimRequest> = {}): Promise<Job> {
    const { jobs } = await this.claim({ ...over, limit: 1 });
    assert.ok(jobs[0], "nothing to claim");
    return jobs[0];
  }

  /** Ids of the jobs of a claim. */
  async claimIds(over: Partial<ClaimRequest> = {}): Promise<string[]> {
    return (await this.claim({ limit: 100, ...over })).jobs.map(({ id }) => id);
  }

  /** Adds a job and starts it. */
  async start(over: Partial<NewJob> = {}, claim: Partial<ClaimRequest> = {}): Promise<Job> {
    const { id } = await this.add(over);
    const job = await this.claimOne({ queues: [over.queue ?? "default"], ...claim });
    assert.equal(job.id, id);
    return job;
  }

  /** Ends a run as `decide` says. */
  settle(job: Job, outcome: Outcome, at = T + SECOND): Promise<SettleResult> {
    return this.write(decideAt(job, outcome, at));
  }

  /** Writes one transition. */
  async write(transition: Transition): Promise<SettleResult> {
    const [result] = await this.driver.settle({ transitions: [transition], close: [] });
    assert.ok(result);
    return result;
  }

  /** Adds a job and brings it to its end. */
  async finish(outcome: Outcome, over: Partial<NewJob> = {}, at = T + SECOND): Promise<Job> {
    const job = await this.start(over);
    assert.equal(await this.settle(job, outcome, at), "applied");
    return await this.job(job.id);
  }

  /** Changes a job as it was seen. */
  async amend(job: Job, change: Change, at = T + 2 * SECOND): Promise<AmendResult> {
    const [result] = await this.driver.amend([amendment(job, change, at)]);
    assert.ok(result);
    return result;
  }

  /** All ids that a query gives, page after page. */
  async list(query: Partial<JobQuery> = {}): Promise<string[]> {
    return (await allJobs(this.driver, query)).map(({ id }) => id);
  }
}

/** Walks all pages of a query. */
export async function allJobs(driver: Driver, query: Partial<JobQuery> = {}): Promise<Job[]> {
  const jobs: Job[] = [];
  let cursor: string | undefined;
  do {
    const page = await driver.list({
      namespace: "default",
      limit: 100,
      ...query,
      ...(cursor === undefined ? {} : { cursor }),
    });
    jobs.push(...page.items);
    assert.notEqual(page.nextCursor ?? "end", cursor, "the walk does not move");
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return jobs;
}

/** A complete job; the number makes its id, so that ids sort by number. */
export function newJob(number: number, over: Partial<NewJob> = {}): NewJob {
  const createdAt = over.createdAt ?? T;
  return {
    id: idOf(number),
    namespace: "default",
    queue: "default",
    type: "test",
    priority: 0,
    payload: {},
    maxAttempts: 3,
    createdAt,
    runAt: createdAt,
    expireAt: null,
    options: {},
    ...over,
  };
}

/** The id of the n-th job. */
export function idOf(number: number): string {
  const random = new Uint8Array(16);
  new DataView(random.buffer).setUint32(12, number);
  return uuidv7(T + number, random);
}

/** What follows an outcome, without chance: retries come after exactly 10, 20, 40 ... seconds. */
export function decideAt(job: Job, outcome: Outcome, at: number): Transition {
  const backoff = { baseMs: 10 * SECOND, maxMs: DAY, jitter: "none" } as const;
  return decide(job, outcome, { now: at, random: 0.5, backoff });
}

/** A change to a job as it was seen. */
export function amendment(job: Job, change: Change, at: number): Amendment {
  return amendmentOf(job, at, change);
}

/** Outcomes by short names. */
export const done: Outcome = { kind: "completed", result: { ok: true } };
export const failed: Outcome = { kind: "failed", error: { code: "error", message: "it broke" } };
export const doomed: Outcome = {
  kind: "failed",
  error: { code: "error", message: "it broke" },
  permanent: true,
};
export const released: Outcome = { kind: "released" };
export const lost: Outcome = { kind: "lost", message: "gone" };
export const cancelled: Outcome = { kind: "cancelled" };
export const expired: Outcome = { kind: "expired" };
/** The handler waits for the wait of this name. */
export const parkedAt = (wait: string): Outcome => ({ kind: "parked", wait });
export const snoozed: Outcome = { kind: "snoozed", delayMs: MINUTE };
