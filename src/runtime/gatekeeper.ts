import type { Clock } from "../domain/clock.ts";
import { messageOf } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import { EACH_KEY, type LimitName, Limits, scopeOf } from "../domain/limit.ts";
import type { ClaimRequest, ClaimResult, Driver } from "../storage/driver.ts";
import { Batcher } from "./batcher.ts";
import type { Handler, HandlerLimit } from "./handler.ts";
import type { Logger } from "./logger.ts";

/** How long limits that were read are believed, in milliseconds, where nobody says that something changed; */
const FRESH_MS = 5_000;
/** and where wake-ups do. */
const FRESH_WHEN_TOLD_MS = 30_000;
/** Ends that are told to the store together. */
const RELEASED_MAX = 500;

/** Options of {@linkcode Gatekeeper}. */
export interface GatekeeperOptions {
  /** The store. */
  driver: Driver;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** The tenant. */
  namespace: string;
  /** Where trouble is said. */
  log: Logger;
  /** Whether wake-ups from other processes arrive: a change of limits is told then. */
  told(): boolean;
  /** Called when jobs that waited at limits may start. */
  onOpen(): void;
}

/** The limits of handlers, by type: what their definitions say. */
export type CodeLimits = ReadonlyMap<string, HandlerLimit>;

/** The limits of handlers. */
export function codeLimits(handlers: ReadonlyMap<string, Handler>): CodeLimits {
  return new Map([...handlers].flatMap(([type, { limit }]) => limit === undefined ? [] : [[type, limit]]));
}

/**
 * What a worker has to do with limits: the store decides, here it is only known which jobs have any, so that all others cost
 * nothing.
 */
export class Gatekeeper {
  readonly #options: GatekeeperOptions;
  readonly #passed = new Set<string>();
  readonly #ends: Batcher<string, void>;
  #limits = new Limits([]);
  #readAt = -Infinity;

  constructor(options: GatekeeperOptions) {
    this.#options = options;
    this.#ends = new Batcher({
      maxWeight: RELEASED_MAX,
      flush: async (ids) => {
        await this.#release(ids);
        return ids.map(() => undefined);
      },
    });
  }

  /** Stores what definitions say, and takes back what earlier ones of the same types have said. */
  async declare(limits: CodeLimits, types: Iterable<string>): Promise<void> {
    const { driver, namespace, now } = this.#options;
    const served = new Set(types);
    const wanted = new Set<string>();
    for (const [name, { settings, perKey }] of limits) {
      const limit: LimitName = { namespace, target: "type", name, key: perKey ? EACH_KEY : "" };
      wanted.add(scopeOf(limit));
      await driver.saveLimit({ ...limit, settings, pausedAt: null, source: "code" }, now());
    }
    for (const limit of await driver.limits(namespace)) {
      const mine = limit.source === "code" && limit.target === "type" && served.has(limit.name);
      if (mine && !wanted.has(scopeOf(limit))) await driver.removeLimit(limit, now());
    }
    this.expire();
  }

  /** Reads the limits again unless that happened a moment ago. */
  async refresh(): Promise<void> {
    const { driver, clock, namespace, told } = this.#options;
    const freshMs = told() ? FRESH_WHEN_TOLD_MS : FRESH_MS;
    if (clock.monotonic() - this.#readAt < freshMs) return;
    const readAt = clock.monotonic();
    this.#limits = new Limits(await driver.limits(namespace));
    this.#readAt = readAt;
  }

  /** Makes the next refresh read. */
  expire(): void {
    this.#readAt = -Infinity;
  }

  /** Starts jobs that wait at limits and may start. */
  async claimParked(request: ClaimRequest): Promise<ClaimResult> {
    if (!this.#limits.any) return { leaseId: null, jobs: [] };
    const claim = await this.#options.driver.claimParked(request);
    for (const { id } of claim.jobs) this.#passed.add(id);
    return claim;
  }

  /** Starts available jobs, as far as their limits let them. */
  async claim(request: ClaimRequest): Promise<ClaimResult> {
    return await this.#admit(await this.#options.driver.claim(request));
  }

  /** Of a claim, the jobs that may start; the others wait in the store from now on, and there is room for more. */
  async #admit(claim: ClaimResult): Promise<ClaimResult> {
    const { driver, namespace, now } = this.#options;
    const { leaseId, jobs } = claim;
    const limited = this.#limits.any ? jobs.filter((job) => this.#limits.gatesOf(job).length > 0) : [];
    if (leaseId === null || limited.length === 0) return claim;
    const runs = limited.map(({ id, attempt }) => ({ id, attempt }));
    const results = await driver.acquire({ namespace, leaseId, runs, now: now() });
    const held = new Set(limited.filter((_, at) => results[at] !== "granted").map(({ id }) => id));
    for (const { id } of limited) if (!held.has(id)) this.#passed.add(id);
    return held.size === 0 ? claim : { ...claim, jobs: jobs.filter(({ id }) => !held.has(id)), more: true };
  }

  /** An attempt is over: whoever waits for it may start. */
  ended(job: Job): void {
    if (this.#passed.delete(job.id)) void this.#ends.add(job.id);
  }

  /** A job has ended that may have been claimed through another process. */
  async endedElsewhere(id: string): Promise<void> {
    await this.refresh();
    if (this.#limits.any) await this.#release([id]);
  }

  /** Jobs of a lost worker have ended. */
  async rescued(ids: string[]): Promise<void> {
    if (ids.length > 0) await this.#release(ids);
  }

  /** Nothing of the job's key starts for a while, or nothing of its type when it has no key. */
  async coolDown(job: Job, until: number): Promise<void> {
    const { driver, now } = this.#options;
    const { namespace, type, options: { limitKey } } = job;
    const gate: LimitName = { namespace, target: "type", name: type, key: limitKey ?? "" };
    const gates = this.#limits.gatesOf(job);
    if (!gates.some(({ scope }) => scope === scopeOf(gate))) {
      // Without a limit nobody would look at the gate.
      const limit = { ...gate, key: limitKey === undefined ? "" : EACH_KEY };
      await driver.saveLimit({ ...limit, settings: {}, pausedAt: null, source: "code" }, now());
      this.expire();
    }
    await driver.coolDown(gate, until);
  }

  /** Resolves when all ends have been told. */
  idle(): Promise<void> {
    return this.#ends.idle();
  }

  /** Not told, it is found out a while later: those who wait look by themselves then. */
  async #release(ids: string[]): Promise<void> {
    const { driver, now, log, onOpen } = this.#options;
    try {
      if (await driver.release(ids, now())) onOpen();
    } catch (error) {
      log.warn("Those who wait at limits could not be told of ends", {
        jobs: ids.length,
        error: messageOf(error),
      });
    }
  }
}
