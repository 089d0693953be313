import assert from "node:assert/strict";
import type { Execution, Jobd } from "../../src/mod.ts";
import type { Effect } from "./effects.ts";
import type { Kind, Sample } from "./limit_watch.ts";

/** The tests' own idea of the limits below: whose place a job takes, and how many there are. */
interface Rule {
  most: number;
  /** The name of the gate in the store. */
  scope: (kind: Kind) => string | undefined;
}

const RULES: readonly Rule[] = [
  { most: 3, scope: ({ queue }) => queue === "narrow" ? "default\nqueue\nnarrow\n" : undefined },
  { most: 2, scope: ({ type }) => type === "few" ? "default\ntype\nfew\n" : undefined },
  { most: 1, scope: ({ type, key }) => type === "keyed" ? `default\ntype\nkeyed\n${key}` : undefined },
];
const RATE = { limit: 20, perMs: 1_000, burst: 5 };

/** Sets the limits. */
export async function setLimits({ limits }: Jobd): Promise<void> {
  await limits.set({ queue: "narrow", concurrency: 3 });
  await limits.set({ type: "few", concurrency: 2 });
  await limits.set({ type: "keyed", key: "*", concurrency: 1 });
  await limits.set({ type: "paced", rate: { limit: RATE.limit, per: RATE.perMs, burst: RATE.burst } });
}

/** How many may run at a gate, by its name; of each key one. */
export function mostAt(scope: string): number {
  return RULES.find((rule) => KINDS.some((kind) => rule.scope(kind) === scope))?.most ?? 0;
}

const KEYS = ["a", "b", "c"];

/** All kinds of jobs that the tests enqueue. */
export const KINDS: readonly Kind[] = [
  { queue: "narrow", type: "canary", key: null },
  { queue: "default", type: "few", key: null },
  { queue: "narrow", type: "few", key: null },
  { queue: "default", type: "paced", key: null },
  ...KEYS.map((key) => ({ queue: "default", type: "keyed", key })),
  ...KEYS.map((key) => ({ queue: "narrow", type: "keyed", key })),
];

/** The gates that count what runs. */
export const SCOPES: readonly string[] = [
  ...new Set(RULES.flatMap(({ scope }) => KINDS.flatMap((kind) => scope(kind) ?? []))),
];

/** The gates of a job that count what runs. */
export function scopesOf(kind: Kind): string[] {
  return RULES.flatMap(({ scope }) => scope(kind) ?? []);
}

/** An attempt that really ran, by what its handler wrote. */
export interface Span {
  kind: Kind;
  /** When it was claimed, by the store's clock. */
  claimed: number;
  start: number;
  until: number;
}

/**
 * From when until when attempts ran. One whose end counts ran from its start to its end. One that counts as lost ran until
 * it was stopped, or until its process was killed or frozen: a frozen process does nothing, and what it does when it wakes
 * up after the end of its lease is late; nobody can keep it from that for the moment until it looks at its clock, and
 * jobd refuses what it writes. A process that is merely cut off has no such excuse: it must have stopped in time.
 */
export function spansOf(
  effects: Effect[],
  { kinds, executions, halts }: {
    kinds: ReadonlyMap<string, Kind>;
    executions: Execution[];
    halts: ReadonlyMap<number, number[]>;
  },
): Span[] {
  const overs = new Map(
    effects.filter(({ event }) => !["ready", "start"].includes(event)).map((
      effect,
    ) => [runOf(effect), effect.at]),
  );
  const noted = new Map(executions.map((one) => [runOf({ job: one.jobId, attempt: one.attempt }), one]));
  return effects.filter(({ event }) => event === "start").map(({ job, attempt, at, pid }) => {
    const run = runOf({ job, attempt });
    const [kind, execution] = [kinds.get(job), noted.get(run)];
    assert.ok(kind && execution, `attempt ${attempt} of ${job} ran, but the store does not know it`);
    const claimed = execution.startedAt;
    const over = overs.get(run) ?? Infinity;
    const halt = halts.get(pid)?.find((halted) => halted >= claimed) ?? Infinity;
    const until = execution.outcome === "lost" ? Math.min(over, halt) : over;
    return { kind, claimed, start: at, until: Math.max(at, until) };
  });
}

function runOf({ job, attempt }: { job: string; attempt: number }): string {
  return `${job} ${attempt}`;
}

/** How many really ran at the same time at each gate, at most. */
export function peaks(spans: Span[]): Map<string, number> {
  return new Map(SCOPES.map((scope) => {
    const own = spans.filter(({ kind, start, until }) => until > start && scopesOf(kind).includes(scope));
    const steps = own.flatMap(({ start, until }) => [{ at: start, by: 1 }, { at: until, by: -1 }]);
    steps.sort((a, b) => a.at - b.at || a.by - b.by);
    let running = 0;
    return [scope, Math.max(0, ...steps.map(({ by }) => running += by))];
  }));
}

/** Fails if more than the limit ran at any time, by what handlers wrote or by what the store said. */
export function checkConcurrency(spans: Span[], samples: Sample[], effects: Effect[]): void {
  for (const [scope, peak] of peaks(spans)) {
    assert.ok(peak <= mostAt(scope), `${peak} ran at the same time at ${JSON.stringify(scope)}`);
  }
  const started = new Map(
    effects.filter(({ event }) => event === "start").map((effect) => [runOf(effect), effect.at]),
  );
  for (const { at, leased, holds } of samples) {
    for (const [scope, live] of Object.entries(holds)) {
      assert.ok(live <= mostAt(scope), `${live} places were taken at ${JSON.stringify(scope)}`);
    }
    // A job that was claimed and has not passed its limits yet has a lease too, but nothing runs: it is parked a moment
    // later, or handed on when its process dies in that moment. So what counts is what had started by then.
    const live = leased.filter((one) => (started.get(runOf(one)) ?? Infinity) <= at);
    for (const [scope, those] of Map.groupBy(live.flatMap(scopesOf), (scope) => scope)) {
      assert.ok(those.length <= mostAt(scope), `${those.length} had leases at ${JSON.stringify(scope)}`);
    }
  }
}

/** Fails if in some time more started than the rate allows. A start lies between the claim and the handler's first line. */
export function checkRate(spans: Span[]): void {
  const paced = spans.filter(({ kind }) => kind.type === "paced");
  for (const { claimed: from } of paced) {
    const later = paced.filter(({ claimed }) => claimed >= from).sort((a, b) => a.start - b.start);
    for (const [at, { start: to }] of later.entries()) {
      // One more, because the clocks of processes differ by the time of an answer.
      const most = RATE.burst + 1 + (to - from) * RATE.limit / RATE.perMs;
      assert.ok(at + 1 <= most, `${at + 1} started in ${to - from} ms, which is more than ${most}`);
    }
  }
}
