import { type Clock, sleep } from "../domain/clock.ts";
import { type Duration, parseDuration } from "../domain/duration.ts";
import { invalid, JobdError } from "../domain/errors.ts";
import type { Driver } from "../storage/driver.ts";
import { type DriverCall, type DriverMethod, intercepted } from "../storage/intercept.ts";

/** A method of the store, or any. */
export type FaultTarget = DriverMethod | "any";

/** Which calls of a method. */
export interface FaultOptions {
  /** So many calls go well first. @default 0 */
  skip?: number;
  /** Of the calls after that every so many-th, beginning with the first. @default 1 */
  every?: number;
  /** So many times. @default 1 for failures, no limit for delays */
  times?: number;
  /** Only calls whose arguments are such; others are not counted either. @default all */
  where?(args: readonly unknown[]): boolean;
}

/** How a call fails. */
export interface FailOptions extends FaultOptions {
  /**
   * Before it has an effect, or after: then it is the answer that was lost, and the caller cannot tell the two apart.
   * @default "before"
   */
  when?: "before" | "after";
  /** With this. @default a {@linkcode JobdError} `store_unavailable` */
  error?: Error;
}

/** A fault that is arranged. `using` ends it with its block. */
export interface Fault extends Disposable {
  /** How often it has struck. */
  readonly struck: number;
  /** Ends it. */
  end(): void;
}

/** Does something instead of a call; undefined leaves the call to the others. */
type Rule = (call: DriverCall) => (() => Promise<unknown>) | undefined;

/**
 * Faults of a store, for tests of what the program does about them. `on()` puts them between a program and its store; the
 * store of a {@linkcode TestJobd} has them in place. Faults that were arranged later come first.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { TestJobd } from "./test_jobd.ts";
 *
 * await using test = await TestJobd.open();
 * test.faults.fail("insert");
 * await assert.rejects(test.jobd.enqueue({ type: "mail.send" }), { code: "store_unavailable" });
 * assert.equal((await test.jobd.enqueue({ type: "mail.send" })).outcome, "created");
 * ```
 */
export class Faults {
  readonly #clock: Pick<Clock, "after"> | undefined;
  readonly #rules = new Map<Rule, () => void>();
  readonly #calls = new Map<FaultTarget, number>();

  /** The clock is the one that delays, and ends after a time, go by. */
  constructor(options: { clock?: Pick<Clock, "after"> } = {}) {
    this.#clock = options.clock;
  }

  /** The store with the faults in its way. Its `close` is never in anybody's way. */
  on(driver: Driver): Driver {
    return intercepted(driver, (call) => {
      if (call.method === "close") return call.effect();
      for (const target of [call.method, "any"] as const) this.#calls.set(target, this.calls(target) + 1);
      for (const rule of [...this.#rules.keys()].reverse()) {
        const instead = rule(call);
        if (instead !== undefined) return instead();
      }
      return call.effect();
    });
  }

  /** How many calls of this kind there were, those that failed included. */
  calls(target: FaultTarget = "any"): number {
    return this.#calls.get(target) ?? 0;
  }

  /**
   * The next call fails, or those that the options name. `fail("any", { skip: n - 1 })` lets exactly the n-th call fail.
   *
   * @throws {JobdError} `invalid_request` for a bad option
   */
  fail(target: FaultTarget, { when = "before", error, times = 1, ...which }: FailOptions = {}): Fault {
    return this.#counted(target, { ...which, times }, async ({ effect }) => {
      if (when === "after") await effect();
      throw error ?? unavailable("The connection broke: what the call did is not known");
    });
  }

  /**
   * Calls take this much longer on the clock before they have their effect.
   *
   * @throws {JobdError} `invalid_request` for a bad option, or without a clock
   */
  delay(target: FaultTarget, time: Duration, options: FaultOptions = {}): Fault {
    const ms = parseDuration(time, "delay of calls");
    const clock = this.#needClock();
    return this.#counted(target, { times: Infinity, ...options }, async ({ effect }) => {
      await sleep(clock, ms);
      return await effect();
    });
  }

  /**
   * The store is away: every call is refused with `store_unavailable`, until this is ended or the time is over.
   *
   * @throws {JobdError} `invalid_request` for a bad time, or one without a clock
   */
  away(options: { for?: Duration } = {}): Fault {
    const fault = this.#counted(
      "any",
      { times: Infinity },
      () => Promise.reject(unavailable("The store is away")),
    );
    return this.#limited(fault, options.for);
  }

  /**
   * The store is silent: calls have no effect and get no answer, until this is ended or the time is over; then they all
   * fail with `store_unavailable`, as when a connection is given up at its deadline.
   *
   * @throws {JobdError} `invalid_request` for a bad time, or one without a clock
   */
  silence(options: { for?: Duration } = {}): Fault {
    const over = Promise.withResolvers<void>();
    const silent = async (): Promise<never> => {
      await over.promise;
      throw unavailable("The store did not answer in time");
    };
    const fault = this.#counted("any", { times: Infinity }, silent, () => over.resolve());
    return this.#limited(fault, options.for);
  }

  /** Ends all faults. */
  clear(): void {
    for (const end of [...this.#rules.values()]) end();
  }

  #counted(
    target: FaultTarget,
    { skip = 0, every = 1, times = Infinity, where }: FaultOptions,
    strike: (call: DriverCall) => Promise<unknown>,
    atEnd = (): void => {},
  ): Fault {
    checkCount("skip", skip, 0);
    checkCount("every", every, 1);
    if (times !== Infinity) checkCount("times", times, 1);
    let seen = 0;
    let struck = 0;
    const rule: Rule = (call) => {
      if ((target !== "any" && call.method !== target) || struck >= times) return undefined;
      if (where?.(call.args) === false) return undefined;
      if (seen++ < skip || (seen - 1 - skip) % every !== 0) return undefined;
      struck++;
      return () => strike(call);
    };
    const end = (): void => {
      if (this.#rules.delete(rule)) atEnd();
    };
    this.#rules.set(rule, end);
    return {
      get struck() {
        return struck;
      },
      end,
      [Symbol.dispose]: end,
    };
  }

  #limited(fault: Fault, time: Duration | undefined): Fault {
    if (time !== undefined) {
      this.#needClock().after(parseDuration(time, "time of the fault"), () => fault.end());
    }
    return fault;
  }

  #needClock(): Pick<Clock, "after"> {
    if (this.#clock !== undefined) return this.#clock;
    throw new JobdError("invalid_request", "Faults that take time need a clock", {
      hint: "Make them with one: new Faults({ clock }).",
    });
  }
}

function unavailable(message: string): JobdError {
  return new JobdError("store_unavailable", message);
}

function checkCount(what: string, value: number, min: number): void {
  if (!Number.isInteger(value) || value < min) throw invalid(what, value, `a whole number from ${min}`);
}
