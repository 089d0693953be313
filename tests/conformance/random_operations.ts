import type { AgentOrigin } from "../../src/domain/agent.ts";
import type { Amendment, Change } from "../../src/domain/amendment.ts";
import type { Dependency } from "../../src/domain/dependency.ts";
import type { NewEvent } from "../../src/domain/event.ts";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { Json } from "../../src/domain/json.ts";
import { EACH_KEY, type Limit, type LimitName } from "../../src/domain/limit.ts";
import type { Replacement } from "../../src/domain/replacement.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { Retention } from "../../src/domain/queue.ts";
import { MISSED_POLICIES, OVERLAP_POLICIES, type ScheduleSpec } from "../../src/domain/schedule.ts";
import { FINAL_STATES } from "../../src/domain/states.ts";
import type { WaitOpening } from "../../src/domain/wait.ts";
import {
  CONFLICT_POLICIES,
  type ConflictPolicy,
  REPLACEABLE,
  type Uniqueness,
} from "../../src/domain/unique.ts";
import type { NewAuditEntry } from "../../src/domain/audit.ts";
import type { AuditQuery } from "../../src/storage/driver.ts";
import { auditOperation } from "./random_audit.ts";
import { type BatchOperation, batchOperation, type Chance, perhapsMember } from "./random_batches.ts";
import { DAY, idOf, MINUTE, newJob, SECOND, T } from "./world.ts";

/** A number in [0, 1), the same row of numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * One operation, as plain data that means the same on every backend. Runs and jobs are named by numbers that are
 * taken modulo those that exist by then; leases by their place among all that were ever granted.
 */
export type Operation =
  | { do: "insert"; jobs: NewJob[] }
  | {
    do: "claim";
    worker: string;
    queues: string[] | "all";
    types: string[] | "all";
    ageing: (readonly [queue: string, stepMs: number])[];
    limit: number;
    now: number;
  }
  | {
    do: "settle";
    ends: { run: number; outcome: Outcome; followUps: NewJob[] }[];
    close: number[];
    at: number;
  }
  | { do: "amend"; changes: { job: number; stale: boolean; change: Change }[]; at: number }
  | { do: "saveLimit"; limit: Limit; at: number }
  | { do: "removeLimit"; limit: LimitName; at: number }
  | { do: "acquire"; now: number }
  | {
    do: "claimParked";
    worker: string;
    queues: string[] | "all";
    types: string[] | "all";
    ageing: (readonly [queue: string, stepMs: number])[];
    limit: number;
    now: number;
  }
  | { do: "release"; runs: number[]; at: number }
  | { do: "coolDown"; gate: LimitName; until: number }
  | { do: "tellChildren"; now: number }
  | { do: "ripen"; now: number; limit: number }
  | { do: "gather"; now: number; apart: string[] }
  | { do: "flushGroups"; key: string; type?: string; now: number }
  | { do: "promote"; now: number; limit: number }
  | { do: "extend"; worker: string; expiresAt: number }
  | { do: "rescue"; now: number; workers: string[]; renewed: boolean }
  | { do: "expire"; now: number; limit: number }
  | {
    do: "prune";
    now: number;
    limit: number;
    retention: Retention;
    events: { before: number; keep: number };
  }
  | { do: "publish"; events: NewEvent[] }
  | { do: "addAudit"; entry: NewAuditEntry }
  | { do: "audit"; query: AuditQuery }
  | { do: "pruneAudit"; before: number; limit: number }
  | { do: "pause"; queue: string; at: number; paused: boolean }
  | { do: "removeQueue"; queue: string; at: number }
  | { do: "progress"; run: number; note: number }
  | { do: "step"; run: number; name: string; value: number; at: number }
  | { do: "ask"; run: number; opening: WaitOpening }
  | { do: "forgetWait"; run: number; name: string }
  | { do: "endWaits"; now: number; limit: number }
  | { do: "log"; run: number; seq: number; drop: boolean; at: number }
  | { do: "stat"; minute: number; queue: string }
  | { do: "foldStats"; now: number; limit: number }
  | { do: "cancelRequests"; worker: string }
  | BatchOperation
  | { do: "saveSchedule"; name: string; spec: ScheduleSpec; now: number }
  | { do: "pauseSchedule"; name: string; paused: boolean; now: number }
  | { do: "removeSchedule"; name: string }
  | { do: "schedule"; now: number; limit: number; stale: boolean; queue: string };

/** How long ago runs have ended whose statistics are written late. */
const STAT_AGES = [0, MINUTE, 180 * MINUTE, 3 * DAY, 100 * DAY, 400 * DAY];
const QUEUES = ["a", "b", "c"];
const TYPES = ["x", "y"];
const AGENTS: AgentOrigin[] = [
  { client: "c/1", tool: "enqueue_job", depth: 1, maxDepth: 2, maxJobs: 9 },
  { client: "c/1", tool: "enqueue", depth: 2, maxDepth: 2, maxJobs: 9, parent: "p", root: "p" },
];
const LIMIT_KEYS = ["l1", "l2"];
/** Keys of groups. */
export const GROUP_KEYS = ["g1", "G2"];
/** Names of schedules. */
export const SCHEDULES = ["s1", "s2", "S3"];
/** Names of waits. */
const WAITS = ["wait 1", "wait 2"];
const ENCRYPTIONS = ["a", "b"].map((wrapped) => ({ key: "k", wrapped }));
/** Names of steps. */
export const STEPS = ["", "s"];
const WORKERS = ["w1", "w2", "w3"];

/** Operations without end; time goes on a little with each. */
export function* operations(seed: number): Generator<Operation> {
  const random = randomFrom(seed);
  const make = new Maker(random);
  // A call that is refused may have created its queues or not.
  yield { do: "insert", jobs: make.jobs(T) };
  for (let now = T;; now += Math.floor(random() * 20) * SECOND) yield make.operation(now);
}

class Maker {
  readonly #random: () => number;
  #jobs = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  get #chances(): Chance {
    return {
      chance: (share) => this.#chance(share),
      pick: (items) => this.#pick(items),
      many: (most, make) => this.#many(most, make),
      job: (now) => this.#job(now),
    };
  }

  /** A job for each queue. */
  jobs(now: number): NewJob[] {
    return QUEUES.map((queue, at) => ({ ...this.#job(now), queue, priority: at }));
  }

  operation(now: number): Operation {
    const queue = this.#pick(QUEUES);
    const worker = this.#pick(WORKERS);
    return this.#weighted<Operation>([
      [6, () => ({ do: "insert", jobs: perhapsMember(this.#chances, this.#many(4, () => this.#job(now))) })],
      [8, () => batchOperation(this.#chances, now)],
      [6, () => ({ do: "insert", jobs: perhapsMember(this.#chances, this.#contenders(now)) })],
      [8, () => this.#claim(now, worker)],
      [1, () => ({ do: "saveLimit", limit: this.#limit(now), at: now })],
      [1, () => ({ do: "removeLimit", limit: this.#gate(["", EACH_KEY, ...LIMIT_KEYS]), at: now })],
      [8, () => ({ do: "acquire", now })],
      [6, () => ({ ...this.#claim(now, worker), do: "claimParked" })],
      [4, () => ({ do: "release", runs: this.#many(4, () => this.#number()), at: now })],
      [
        1,
        () => ({
          do: "coolDown",
          gate: this.#gate(["", ...LIMIT_KEYS]),
          until: now + this.#number(60) * SECOND,
        }),
      ],
      [
        8,
        () => ({
          do: "settle",
          ends: this.#many(4, () => this.#end(now)),
          close: this.#many(2, () => this.#number()),
          at: now,
        }),
      ],
      [4, () => ({ do: "amend", changes: this.#many(3, () => this.#change(now)), at: now })],
      [4, () => ({ do: "insert", jobs: perhapsMember(this.#chances, this.#family(now)) })],
      [4, () => ({ do: "tellChildren", now })],
      [
        6,
        () => ({
          do: "insert",
          jobs: perhapsMember(this.#chances, this.#many(6, () => this.#gathered(now))),
        }),
      ],
      [6, () => ({ do: "ripen", now, limit: 1 + this.#number(3) })],
      [8, () => ({ do: "gather", now, apart: this.#chance(0.1) ? [this.#pick(TYPES)] : [] })],
      [
        1,
        () => ({
          do: "flushGroups",
          key: this.#pick(GROUP_KEYS),
          ...(this.#chance(0.5) ? { type: this.#pick(TYPES) } : {}),
          now,
        }),
      ],
      [4, () => ({ do: "promote", now, limit: this.#number(5) + 1 })],
      [1, () => ({ do: "extend", worker, expiresAt: now + this.#number(60) * SECOND })],
      [
        2,
        () => ({ do: "rescue", now, workers: this.#maybe(() => [worker]) ?? [], renewed: this.#chance(0.3) }),
      ],
      [1, () => ({ do: "expire", now, limit: 50 })],
      [1, () => this.#prune(now)],
      [2, () => ({ do: "pause", queue, at: now, paused: this.#chance(0.4) })],
      [2, () => ({ do: "removeQueue", queue, at: now })],
      [2, () => ({ do: "progress", run: this.#number(), note: this.#number() })],
      [
        2,
        () => ({ do: "step", run: this.#number(), name: this.#pick(STEPS), value: this.#number(), at: now }),
      ],
      [6, () => ({ do: "ask", run: this.#number(), opening: this.#opening(now) })],
      [1, () => ({ do: "forgetWait", run: this.#number(), name: this.#pick(WAITS) })],
      [4, () => ({ do: "endWaits", now, limit: 1 + this.#number(3) })],
      [2, () => ({ do: "log", run: this.#number(), seq: this.#number(5), drop: this.#chance(0.2), at: now })],
      [2, () => ({ do: "stat", minute: Math.floor(now / MINUTE) * MINUTE - this.#pick(STAT_AGES), queue })],
      [1, () => ({ do: "foldStats", now, limit: this.#pick([1, 5, 1_000]) })],
      [1, () => ({ do: "cancelRequests", worker })],
      [3, () => ({ do: "saveSchedule", name: this.#pick(SCHEDULES), spec: this.#rule(), now })],
      [1, () => ({ do: "pauseSchedule", name: this.#pick(SCHEDULES), paused: this.#chance(0.5), now })],
      [1, () => ({ do: "removeSchedule", name: this.#pick(SCHEDULES) })],
      [8, () => ({ do: "schedule", now, limit: 1 + this.#number(3), stale: this.#chance(0.1), queue })],
      [2, () => ({ do: "publish", events: this.#many(4, () => this.#event(now, queue)) })],
      [3, () => auditOperation(this.#chances, now)],
    ]);
  }

  #opening(at: number): WaitOpening {
    const until = this.#maybe(() => at + this.#number(60) * SECOND) ?? null;
    const kind = this.#chance(0.8) ? "answer" as const : "sleep" as const;
    return { name: this.#pick(WAITS), kind, at, ask: this.#chance(0.8), until };
  }

  #rule(): ScheduleSpec {
    const pauseAfterFailures = this.#maybe(() => 1 + this.#number(2));
    return {
      everyMs: (5 + this.#number(60)) * SECOND,
      missed: this.#pick(MISSED_POLICIES),
      overlap: this.#pick(OVERLAP_POLICIES),
      ...(this.#chance(0.3) ? { windowMs: MINUTE } : {}),
      ...(this.#chance(0.8) ? { job: { type: this.#pick(TYPES) } } : {}),
      ...(pauseAfterFailures === undefined ? {} : { pauseAfterFailures }),
    };
  }

  #limit(now: number): Limit {
    const settings = {
      ...this.#chance(0.7) ? { concurrency: 1 + this.#number(3) } : {},
      ...this.#chance(0.3)
        ? { rate: { limit: 1 + this.#number(4), perMs: MINUTE, burst: 1 + this.#number(3) } }
        : {},
    };
    const source = this.#chance(0.5) ? "code" as const : "operator" as const;
    const pausedAt = this.#chance(0.1) ? now : null;
    return { ...this.#gate(["", "", EACH_KEY, ...LIMIT_KEYS]), settings, pausedAt, source };
  }

  #gate(keys: string[]): LimitName {
    const about = this.#chance(0.5)
      ? { target: "queue", name: this.#pick(QUEUES) } as const
      : { target: "type", name: this.#pick(TYPES) } as const;
    return { namespace: "default", ...about, key: this.#pick(keys) };
  }

  #claim(now: number, worker: string): Operation & { do: "claim" } {
    const queues = this.#maybe(() => this.#shuffled(QUEUES).slice(0, 1 + this.#number(3))) ?? "all";
    const types = this.#maybe(() => [this.#pick(TYPES)]) ?? "all";
    const ageing = QUEUES.filter(() => this.#chance(0.3)).map((queue) =>
      [queue, (1 + this.#number(60)) * SECOND] as const
    );
    return { do: "claim", worker, queues, types, ageing, limit: 1 + this.#number(4), now };
  }

  #prune(now: number): Operation {
    const retention = { completed: MINUTE, cancelled: 2 * MINUTE, expired: 3 * MINUTE, dead: DAY };
    const events = { before: now - 5 * MINUTE, keep: 3 + this.#number(20) };
    return { do: "prune", now, limit: 2 + this.#number(50), retention, events };
  }

  #event(at: number, queue: string): NewEvent {
    const base = { at, namespace: "default", queue };
    const job = { jobId: "j", type: this.#pick(TYPES), attempt: this.#number(5), state: "running" } as const;
    return this.#chance(0.8)
      ? { ...base, ...job, kind: "job.started", worker: this.#pick(WORKERS) }
      : { ...base, kind: "queue.updated" };
  }

  #job(now: number): NewJob {
    const repeat = this.#jobs > 0 && this.#chance(0.1);
    const number = repeat ? 1 + this.#number(this.#jobs) : ++this.#jobs;
    const ttlMs = this.#maybe(() => this.#number(200) * SECOND);
    const uniqueKey = this.#maybe(() => this.#pick(["k1", "k2", "k3"]));
    const limitKey = this.#maybe(() => this.#pick(LIMIT_KEYS));
    const queue = this.#pick(QUEUES);
    return newJob(number, {
      queue,
      type: this.#pick(TYPES),
      priority: this.#priority(queue),
      payload: { number, text: this.#pick(["", "ä 😀", '"\\']), list: [null, 0.5] },
      maxAttempts: 1 + this.#number(3),
      createdAt: now,
      runAt: now + (this.#chance(0.3) ? this.#number(100) * SECOND : 0),
      expireAt: ttlMs === undefined ? null : now + ttlMs,
      options: {
        ...(ttlMs === undefined ? {} : { ttlMs }),
        ...(uniqueKey === undefined ? {} : { uniqueKey }),
        ...(limitKey === undefined ? {} : { limitKey }),
        ...(this.#chance(0.1) ? { limitWeight: 1 + this.#number(4) } : {}),
        ...(this.#chance(0.1) ? { retentionMs: 10 * SECOND } : {}),
        ...(this.#chance(0.1) ? { headers: { h: this.#pick(["0", "1"]) } } : {}),
        ...(this.#chance(0.3) ? { encrypted: this.#pick(ENCRYPTIONS) } : {}),
        ...(this.#chance(0.1) ? { agent: this.#pick(AGENTS) } : {}),
      },
    });
  }

  /** A job that is gathered. */
  #gathered(now: number): NewJob {
    const job = this.#job(now);
    const group = {
      key: this.#pick(GROUP_KEYS),
      size: 1 + this.#number(4),
      maxAgeMs: (1 + this.#number(100)) * SECOND,
      ...(this.#chance(0.5) ? { silenceMs: (1 + this.#number(30)) * SECOND } : {}),
    };
    return { ...job, runAt: job.createdAt, options: { ...job.options, group } };
  }

  /** Jobs that wait for others: of the call, or any that there may be or may have been. */
  #family(now: number): NewJob[] {
    const jobs: NewJob[] = [];
    for (let count = this.#number(4); count >= 0; count--) {
      const { options: { uniqueKey: _, ...options }, ...job } = this.#job(now);
      const own = jobs.map(({ id }) => id);
      const others = this.#many(2, () => idOf(1 + this.#number(this.#jobs + 2)));
      const parents = (own.length > 0 && this.#chance(0.7) ? [this.#pick(own)] : others).filter((id) =>
        id !== job.id
      );
      const after: Dependency = {
        jobs: [...new Set(parents)],
        ...(this.#chance(0.3) ? { any: true } : {}),
        ...(this.#maybe(() => ({ onFailure: this.#pick(["run", "hold"] as const) })) ?? {}),
      };
      const waits = parents.length > 0 && this.#chance(0.8);
      jobs.push({ ...job, options: { ...options, ...(waits ? { after } : {}) } });
    }
    return jobs;
  }

  /**
   * Jobs that contest unique keys, in the order of the call; or one that only wants an answer. A batch without a contest
   * inserts first what nothing is in the way of, so its order is each backend's own affair.
   */
  #contenders(now: number): NewJob[] {
    if (this.#chance(0.2)) return [this.#contender(now, undefined)];
    return [
      ...this.#maybe(() => [this.#contender(now, undefined), this.#job(now)]) ?? [],
      ...this.#many(4, () => this.#contender(now, this.#pick(CONFLICT_POLICIES))),
      ...this.#maybe(() => [this.#job(now), this.#contender(now, undefined)]) ?? [],
    ];
  }

  #contender(now: number, policy: ConflictPolicy | undefined): NewJob {
    const job = this.#job(now);
    const at = this.#number(2);
    const window = { perMs: MINUTE, from: Math.floor(now / MINUTE) * MINUTE };
    const { uniqueKey: _, ...options } = job.options;
    const unique: Uniqueness = {
      key: `u${at}`,
      ...(policy === "throttle" || this.#chance(0.2) ? { window } : {}),
      ...(policy === "throttle" && this.#chance(0.7) ? { defer: true } : {}),
      ...(policy === "debounce" || this.#chance(0.3) ? { whileRunning: false } : {}),
      ...(this.#chance(0.4) ? { afterwards: FINAL_STATES.filter(() => this.#chance(0.6)) } : {}),
      ...(policy === undefined || policy === "keep" ? {} : { onConflict: policy }),
      ...(this.#chance(0.5) ? { replace: REPLACEABLE.filter(() => this.#chance(0.5)) } : {}),
      ...(this.#chance(0.3) ? { maxWaitMs: this.#number(100) * SECOND } : {}),
    };
    // A key for each queue, because a replacement brings its priority along.
    return {
      ...job,
      queue: QUEUES[at] ?? "a",
      type: "x",
      priority: at + 3 * (this.#number(3) - 1),
      options: { ...options, ...(this.#chance(0.3) ? { tags: [this.#pick(["t1", "t2"])] } : {}), unique },
    };
  }

  #end(now: number): { run: number; outcome: Outcome; followUps: NewJob[] } {
    const error = { code: "error", message: `failure ${this.#number(100)}` };
    const outcome = this.#weighted<Outcome>([
      [5, () => ({ kind: "completed", result: { value: this.#number() } })],
      [4, () => ({ kind: "failed", error })],
      [1, () => ({ kind: "failed", error, permanent: true })],
      [1, () => ({ kind: "failed", error, transient: true })],
      [1, () => ({ kind: "snoozed", delayMs: this.#number(60) * SECOND })],
      [
        1,
        () => ({ kind: "snoozed", delayMs: this.#number(60) * SECOND, reason: `reason ${this.#number(9)}` }),
      ],
      [8, () => ({ kind: "parked", wait: this.#pick(WAITS) })],
      [2, () => ({ kind: "released" })],
      [2, () => ({ kind: "cancelled" })],
      [1, () => ({ kind: "expired" })],
      [1, () => ({ kind: "lost", message: "gone" })],
    ]);
    const followUps = this.#chance(0.2) ? this.#many(2, () => this.#job(now)) : [];
    return { run: this.#number(), outcome, followUps };
  }

  #change(now: number): { job: number; stale: boolean; change: Change } {
    const change = this.#weighted<Change>([
      [2, () => ({ kind: "cancel", reason: "not wanted" })],
      [3, () => ({ kind: "requestCancel" })],
      [1, () => ({ kind: "expire" })],
      [1, () => ({ kind: "archive" })],
      [5, () => ({ kind: "makeAvailable" })],
      [
        6,
        () => ({ kind: "answer", answer: { name: this.#pick(WAITS), value: this.#maybe(() => 1) ?? null } }),
      ],
      [2, () => ({ kind: "complete", result: this.#maybe(() => ({ given: 1 })) ?? null })],
      [1, () => ({ kind: "fail", error: { code: "failed", message: "from outside" } })],
      [1, () => ({ kind: "delete" })],
      [1, () => ({ kind: "releaseKey" })],
      [2, () => ({ kind: "rekey", was: this.#pick(ENCRYPTIONS), encrypted: this.#pick(ENCRYPTIONS) })],
      [4, () => ({ kind: "replace", set: this.#replacement(now) })],
      [3, () => ({ kind: "reviveWith", set: this.#replacement(now) })],
    ]);
    return { job: this.#number(), stale: this.#chance(0.1), change };
  }

  #replacement(now: number): Replacement {
    const lane = this.#maybe(() => this.#pick(QUEUES));
    const given: { [K in keyof Replacement]: Replacement[K] | undefined } = {
      queue: lane,
      priority: lane === undefined ? undefined : this.#priority(lane),
      runAt: this.#maybe(() => now + (this.#number(60) - 20) * SECOND),
      payload: this.#maybe(() => this.#pick<Json>([null, 1.5, { text: "ä 😀" }, []])),
      maxAttempts: this.#maybe(() => 1 + this.#number(5)),
      expireAt: this.#maybe(() => this.#pick([null, now + MINUTE])),
      options: this.#maybe(() =>
        this.#pick([
          { tags: ["t"] },
          { ttlMs: null, retentionMs: MINUTE },
          { limitKey: "l1" },
          { limitKey: null },
          { headers: { h: "2" } },
          { headers: null },
          { encrypted: this.#pick(ENCRYPTIONS) },
          { encrypted: null },
          { redact: ["text"] },
          { redact: ["a", "b.*"] },
          { redact: null },
        ])
      ),
    };
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  }

  /** No two queues share a priority: which of them is first then is each backend's own affair. */
  #priority(queue: string): number {
    return QUEUES.indexOf(queue) + 3 * (this.#number(3) - 1);
  }

  #number(below = 1_000_000): number {
    return Math.floor(this.#random() * below);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #maybe<T>(make: () => T): T | undefined {
    return this.#chance(0.4) ? make() : undefined;
  }

  #many<T>(most: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.#number(most) }, make);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#number(items.length)] as T;
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return items.map((item) => ({ item, place: this.#random() })).sort((a, b) => a.place - b.place).map((
      { item },
    ) => item);
  }

  #weighted<T>(choices: [weight: number, make: () => T][]): T {
    let rest = this.#number(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, make] of choices) {
      if (rest < weight) return make();
      rest -= weight;
    }
    throw new Error("no choice");
  }
}

/** How an amendment sees a job: as it is, or as it may have been before. */
export function seen(
  job: Pick<Job, "id" | "state" | "attempt" | "waitingFor">,
  stale: boolean,
): Pick<Amendment, "id" | "from" | "attempt" | "waitingFor"> {
  const { id, state: from, attempt, waitingFor } = job;
  return { id, from, attempt: attempt + (stale ? 1 : 0), ...(waitingFor === null ? {} : { waitingFor }) };
}
