import type { Driver } from "./driver.ts";

/** What a driver can be asked to do. */
export type DriverMethod = Exclude<keyof Driver, "backend" | "location">;

/** A call on its way to a driver. */
export interface DriverCall {
  /** What is asked for. */
  readonly method: DriverMethod;
  /** With what. */
  readonly args: readonly unknown[];
  /** Lets it have its effect, with other arguments if some are given, and gives the answer. */
  effect(...args: unknown[]): Promise<unknown>;
}

/** A driver each call of which goes through a function that lets it have its effect, or does something else. */
export function intercepted(driver: Driver, intercept: (call: DriverCall) => Promise<unknown>): Driver {
  return new Proxy(driver, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) =>
        intercept({
          method: name as DriverMethod,
          args,
          effect: async (...changed) => await member.apply(target, changed.length > 0 ? changed : args),
        });
    },
  });
}

/** The same driver for somebody who does not own it: closing it closes nothing. */
export function keptOpen(driver: Driver): Driver {
  return intercepted(driver, ({ method, effect }) => method === "close" ? Promise.resolve() : effect());
}
