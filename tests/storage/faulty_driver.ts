import { JobdError } from "../../src/domain/errors.ts";
import type { Driver } from "../../src/storage/driver.ts";

/** Which call fails, counted from 1 over all methods, and whether that is before or after its effect. */
export interface Fault {
  call: number;
  when: "before" | "after";
}

/** A driver of which one call fails, and how many calls were made. */
export interface FaultyDriver {
  readonly driver: Driver;
  /** Calls so far, the failed one included. */
  readonly calls: number;
}

/**
 * Wraps a driver so that one call fails with `store_unavailable`. A failure after the effect is an answer that was
 * lost on its way: the caller cannot tell it from one before the effect, and must be right to call again.
 */
export function faultyDriver(inner: Driver, fault: Fault): FaultyDriver {
  const state = { calls: 0 };
  const driver = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        const hit = ++state.calls === fault.call;
        if (hit && fault.when === "before") throw unavailable();
        const answer: unknown = await member.apply(target, args);
        if (hit) throw unavailable();
        return answer;
      };
    },
  });
  return {
    driver,
    get calls() {
      return state.calls;
    },
  };
}

function unavailable(): JobdError {
  return new JobdError("store_unavailable", "The connection broke: what the call did is not known");
}
