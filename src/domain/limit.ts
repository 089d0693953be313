import { type Duration, parseDuration } from "./duration.ts";
import { invalid, JobdError } from "./errors.ts";
import type { Job } from "./job.ts";
import { checkName } from "./names.ts";

/** What a limit is about: the jobs of a queue, or those of a type in whatever queue. */
export type LimitTarget = "queue" | "type";

/** The key of a limit that holds for each key by itself. */
export const EACH_KEY = "*";

/** How much may run. */
export interface LimitSettings {
  /** At most so many jobs run at the same time, on all machines together. */
  concurrency?: number;
  /** At most so many starts in so many milliseconds, with that many at once after a quiet time. */
  rate?: { limit: number; perMs: number; burst: number };
}

/** A limit as it is stored. */
export interface Limit {
  /** The tenant. */
  namespace: string;
  /** Queue or type. */
  target: LimitTarget;
  /** The name of the queue or the type. */
  name: string;
  /** `""`: all its jobs together; {@linkcode EACH_KEY}: those of each key by themselves; else those of this key. */
  key: string;
  /** How much. */
  settings: LimitSettings;
  /** Since when nothing of it starts; null when it is not paused. */
  pausedAt: number | null;
  /** Whether a definition in a program has set it, or an operator, whose word counts more. */
  source: "code" | "operator";
}

/** A rate, as people give it. */
export interface RateOptions {
  /** Starts, counted with their weights. */
  limit: number;
  /** In this time. */
  per: Duration;
  /** At most so many at once. @default the limit */
  burst?: number;
}

/** A limit, as people give it. */
export interface LimitOptions {
  /** Jobs at the same time on all machines together, 1 to 1,000,000. */
  concurrency?: number;
  /** Starts in a time. */
  rate?: RateOptions;
}

/** Longest key, in characters. */
export const LIMIT_KEY_MAX = 255;
/** Most jobs at a time, and most starts in a time. */
const MOST = 1_000_000;

/**
 * Reads a limit.
 *
 * @throws {JobdError} `invalid_request` naming what is wrong
 */
export function parseLimit({ concurrency, rate, ...rest }: LimitOptions): LimitSettings {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw new JobdError("invalid_request", `Unknown limit ${JSON.stringify(unknown)}`, {
      hint: "Limits are concurrency and rate.",
    });
  }
  return {
    ...(concurrency === undefined ? {} : { concurrency: count("concurrency", concurrency) }),
    ...(rate === undefined ? {} : { rate: parseRate(rate) }),
  };
}

function parseRate({ limit, per, burst }: RateOptions): NonNullable<LimitSettings["rate"]> {
  const perMs = parseDuration(per, "period of a rate");
  if (perMs === 0) throw invalid("period of a rate", per, "longer than 0");
  const most = count("rate", limit);
  return { limit: most, perMs, burst: burst === undefined ? most : count("burst", burst) };
}

function count(what: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > MOST) {
    throw invalid(what, value, `an integer from 1 to ${MOST}`);
  }
  return value;
}

/** Checks the key of a job or of a limit. @throws {JobdError} `invalid_request` */
export function checkLimitKey(value: unknown): string {
  const fits = typeof value === "string" && value !== "" && value.length <= LIMIT_KEY_MAX;
  if (!fits || value.includes("\u0000") || !value.isWellFormed()) {
    throw invalid("limit key", value, `a text of 1 to ${LIMIT_KEY_MAX} characters`);
  }
  return value;
}

/** Checks how much a job counts in a rate. @throws {JobdError} `invalid_request` */
export function checkWeight(value: unknown): number {
  return count("limit weight", value);
}

/** Which limit. */
export type LimitName = Pick<Limit, "namespace" | "target" | "name" | "key">;

/** Checks the name of a limit. @throws {JobdError} `invalid_request` */
export function limitName(
  namespace: string,
  { queue, type, key }: { queue?: string; type?: string; key?: string },
): LimitName {
  if ((queue === undefined) === (type === undefined)) {
    throw new JobdError("invalid_request", "A limit is about a queue or about a type", {
      hint: "Give one of the two.",
    });
  }
  const [target, name] = queue === undefined ? ["type", type] as const : ["queue", queue] as const;
  return {
    namespace,
    target,
    name: checkName(target, name),
    key: key === undefined ? "" : checkLimitKey(key),
  };
}

/** A place that jobs must pass to start: a limit applied to a queue or type, or to one key of it. */
export interface Gate {
  /** Its name, unique in the store. */
  scope: string;
  /** What it lets pass. */
  limit: Limit;
}

/** What tells which gates a job must pass. */
export type Limited = Pick<Job, "namespace" | "queue" | "type" | "options">;

/** The limits of a namespace, by what they are about. */
export class Limits {
  readonly #limits: Map<string, Limit>;

  constructor(limits: Iterable<Limit>) {
    this.#limits = new Map([...limits].map((limit) => [scopeOf(limit), limit]));
  }

  /** Whether there are any. */
  get any(): boolean {
    return this.#limits.size > 0;
  }

  /** The gates of a job, the narrowest first: a job that must wait should wait where it disturbs the fewest others. */
  gatesOf({ namespace, queue, type, options: { limitKey } }: Limited): Gate[] {
    const targets = [{ target: "type", name: type }, { target: "queue", name: queue }] as const;
    const keyed = limitKey === undefined ? [] : targets.flatMap((target) => {
      const own = { namespace, ...target, key: limitKey };
      const limit = this.#limits.get(scopeOf(own)) ?? this.#limits.get(scopeOf({ ...own, key: EACH_KEY }));
      return limit === undefined ? [] : [{ scope: scopeOf(own), limit }];
    });
    const common = targets.flatMap((target) => {
      const scope = scopeOf({ namespace, ...target, key: "" });
      const limit = this.#limits.get(scope);
      return limit === undefined ? [] : [{ scope, limit }];
    });
    return [...keyed, ...common];
  }
}

/** The name of a gate. Names have no line breaks. */
export function scopeOf({ namespace, target, name, key }: LimitName): string {
  return `${namespace}\n${target}\n${name}\n${key}`;
}

/** Reads {@linkcode scopeOf}. */
export function readScope(scope: string): LimitName {
  const [namespace = "", target = "", name = ""] = scope.split("\n", 3);
  const key = scope.slice(namespace.length + target.length + name.length + 3);
  return { namespace, target: target as LimitTarget, name, key };
}
