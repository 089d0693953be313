import { DatabaseSync, StatementSync } from "node:sqlite";
import pg from "pg";

/** Kills this process at the n-th statement to a store from `arm()` on, before the store gets it or when it has done it. */
export function dieAt(last: number, when: "before" | "after"): { arm(): void; disarm(): void } {
  let armed = false;
  let count = 0;
  const strike = (moment: "before" | "after"): void => {
    if (armed && moment === when && count === last) Deno.kill(Deno.pid, "SIGKILL");
  };
  /** Counts the calls of a method of all objects of a class. */
  // deno-lint-ignore no-explicit-any
  const watch = (prototype: any, name: string): void => {
    const method = prototype[name];
    prototype[name] = function (...args: unknown[]): unknown {
      if (armed) count++;
      strike("before");
      const answer = method.apply(this, args);
      if (answer instanceof Promise) {
        return answer.then((result) => {
          strike("after");
          return result;
        });
      }
      strike("after");
      return answer;
    };
  };
  for (const name of ["run", "all", "get"]) watch(StatementSync.prototype, name);
  watch(DatabaseSync.prototype, "exec");
  watch(pg.Client.prototype, "query");
  return { arm: () => void (armed = true), disarm: () => void (armed = false) };
}
