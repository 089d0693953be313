import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { isFinal } from "../../src/domain/states.ts";
import type { Driver, SettleResult } from "../../src/storage/driver.ts";
import { openMemoryStore, openSqliteStore, postgresStores } from "../conformance/backends.ts";
import type { OpenStore } from "../conformance/store.ts";
import {
  allJobs,
  amendment,
  decideAt,
  done,
  doomed,
  failed,
  LEASE,
  lost,
  MINUTE,
  newJob,
  parkedAt,
  released,
  snoozed,
  T,
} from "../conformance/world.ts";
import { sharedPostgres } from "../support/postgres_server.ts";
import { Faults } from "../../src/testing/mod.ts";

const { url } = await sharedPostgres();
const STORES: Record<string, OpenStore> = {
  memory: openMemoryStore,
  sqlite: openSqliteStore,
  postgres: postgresStores(url),
};

/** What each job's attempts give, one after the other; after that it completes. */
const PLANS: Outcome[][] = [
  [done],
  [failed, done],
  [doomed],
  [released, snoozed, done],
  [failed, failed],
  [lost, done],
  [parkedAt("answer"), parkedAt("time"), done],
];

function plannedJobs(): NewJob[] {
  return PLANS.map((_, index) =>
    newJob(index + 1, {
      runAt: index % 2 === 0 ? T : T + MINUTE,
      maxAttempts: 2,
      ...(index === 0 ? { options: { uniqueKey: "k" } } : {}),
    })
  );
}

/** A fixed script: enqueue, work until nothing is left, act as operator. Every call is repeated until it answers. */
class Script {
  readonly #driver: Driver;
  /** Runs whose end was answered as applied. */
  readonly applied: string[] = [];
  #now = T;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  async run(): Promise<void> {
    const jobs = plannedJobs();
    await this.#call((driver) => driver.insert(jobs));
    await this.#rounds(12);
    await this.#operate();
    await this.#rounds(3);
  }

  async #rounds(count: number): Promise<void> {
    for (let round = 0; round < count; round++) {
      this.#now += 10 * MINUTE;
      await this.#call((driver) => driver.promote(this.#now, 3));
      await this.#call((driver) => driver.endWaits(this.#now, 3));
      await this.#answer();
      await this.#rescue();
      await this.#work();
    }
  }

  async #work(): Promise<void> {
    const request = { worker: "w1", namespace: "default", queues: "all", types: "all", limit: 3 } as const;
    const now = this.#now;
    const { jobs, leaseId } = await this.#call((driver) =>
      driver.claim({ ...request, now, expiresAt: now + LEASE })
    );
    if (leaseId === null) return;
    await this.#call((driver) => driver.extend("w1", now + 2 * LEASE));
    for (const job of jobs) {
      await this.#call((driver) => driver.progress(job, { attempt: job.attempt }));
      const chunk = { seq: 0, at: now, stream: "stdout", offset: 0, text: "line" } as const;
      await this.#call((driver) => driver.appendLogs([{ ...job, chunks: [chunk] }]));
    }
    for (const job of jobs) await this.#ask(job);
    const transitions = jobs.map((job) => decideAt(job, outcomeOf(job), now));
    const results = await this.#call((driver) => driver.settle({ transitions, close: [leaseId] }));
    this.#note(jobs, results);
  }

  async #ask(job: Job): Promise<void> {
    const outcome = outcomeOf(job);
    if (outcome.kind !== "parked") return;
    const until = outcome.wait === "time" ? this.#now + MINUTE : null;
    const opening = { name: outcome.wait, kind: "answer", at: this.#now, ask: true, until } as const;
    const wait = await this.#call((driver) => driver.openWait(job, opening));
    assert.equal(wait?.name, outcome.wait);
  }

  async #answer(): Promise<void> {
    const { items } = await this.#call((driver) =>
      driver.list({ namespace: "default", states: ["blocked"], limit: 9 })
    );
    const change = { kind: "answer", answer: { name: "answer", value: 1 } } as const;
    const waiting = items.filter(({ waitingFor }) => waitingFor === "answer");
    await this.#call((driver) => driver.amend(waiting.map((job) => amendment(job, change, this.#now))));
  }

  /** Takes back the jobs of claims whose answer was lost: nobody works on them. */
  async #rescue(): Promise<void> {
    for (
      const orphan of await this.#call((driver) => driver.orphans({ now: this.#now, workers: [], limit: 9 }))
    ) {
      const { leaseId, expiresAt, jobs } = orphan;
      const transitions = jobs.map((job) => decideAt(job, { kind: "released" }, this.#now));
      const batch = { transitions, close: [leaseId], rescue: { leaseId, expiresAt } };
      this.#note(jobs, await this.#call((driver) => driver.settle(batch)));
    }
  }

  async #operate(): Promise<void> {
    const dead = await this.#call((driver) =>
      driver.list({ namespace: "default", states: ["dead"], limit: 9 })
    );
    const amendments = dead.items.map((job) => amendment(job, { kind: "makeAvailable" }, this.#now));
    await this.#call((driver) => driver.amend(amendments));
  }

  #note(jobs: Job[], results: SettleResult[]): void {
    for (const [index, { id, attempt }] of jobs.entries()) {
      if (results[index] === "applied") this.applied.push(`${id} ${attempt}`);
    }
  }

  async #call<T>(make: (driver: Driver) => Promise<T>): Promise<T> {
    for (let attempt = 1; attempt <= 3; attempt++) {
      try {
        return await make(this.#driver);
      } catch (error) {
        if (!(error instanceof JobdError) || error.code !== "store_unavailable") throw error;
      }
    }
    throw new Error("one fault was planned, not three");
  }
}

function outcomeOf(job: Job): Outcome {
  const index = plannedJobs().findIndex(({ id }) => id === job.id);
  return PLANS[index]?.[job.attempt - 1] ?? done;
}

/** Whatever failed: no job is lost, each ended once, its attempts have no gap, and nothing is held any more. */
async function checkInvariants(driver: Driver, applied: string[], where: string): Promise<void> {
  const jobs = await allJobs(driver);
  assert.deepEqual(jobs.map(({ id }) => id).sort(), plannedJobs().map(({ id }) => id), where);
  for (const job of jobs) {
    assert.ok(isFinal(job.state), `${where}: ${job.id} is ${job.state}`);
    assert.ok(job.failures <= job.maxAttempts, where);
    const attempts = (await driver.executions(job.id)).map(({ attempt }) => attempt);
    assert.deepEqual(attempts, Array.from({ length: job.attempt }, (_, index) => index + 1), where);
    for (const { outcome, finishedAt } of await driver.executions(job.id)) {
      assert.ok(outcome !== "running" && finishedAt !== null, where);
    }
    const logs = await driver.logs({ jobId: job.id, limit: 100 });
    assert.equal(new Set(logs.map(({ attempt, seq }) => `${attempt} ${seq}`)).size, logs.length, where);
  }
  assert.equal(new Set(applied).size, applied.length, `${where}: a run ended twice`);
  assert.deepEqual(
    await driver.orphans({ now: Number.MAX_SAFE_INTEGER / 100, workers: ["w1"], limit: 9 }),
    [],
    where,
  );
  assert.deepEqual((await driver.promote(T + 365 * 1_440 * MINUTE, 9)).promoted, 0, where);
}

/** Plays the script with one fault, or none, and gives how many calls it made. */
async function play(open: OpenStore, fault?: { call: number; when: "before" | "after" }): Promise<number> {
  await using store = await open();
  const faults = new Faults();
  if (fault !== undefined) faults.fail("any", { skip: fault.call - 1, when: fault.when });
  const script = new Script(faults.on(store.driver));
  await script.run();
  const where = fault === undefined ? "no fault" : `call ${fault.call} failed ${fault.when} its effect`;
  await checkInvariants(store.driver, script.applied, where);
  return faults.calls();
}

for (const [name, open] of Object.entries(STORES)) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`${name}: any call may fail ${when} its effect`, async () => {
      const calls = await play(open);
      assert.ok(calls > 50, `${calls} calls`);
      for (let call = 1; call <= calls; call++) await play(open, { call, when });
    });
  }
}
