/** A process that is killed at one of the statements that it sends to its store. */
import { DatabaseSync, StatementSync } from "node:sqlite";
import pg from "pg";

/** Which statement, and whether the store still does it. */
export interface Death {
  /** The n-th of those that count. */
  nth: number;
  /** Before it reaches the store, or once the store has done it. */
  when: "before" | "after";
}

/** Watches all statements of this process; those count that are sent while it is armed. */
export function dieAt({ nth, when }: Death): { armed: boolean } {
  const state = { armed: false };
  let count = 0;
  const strike = (moment: Death["when"]): void => {
    if (state.armed && moment === when && count === nth) Deno.kill(Deno.pid, "SIGKILL");
  };
  // deno-lint-ignore no-explicit-any
  const watch = (prototype: any, name: string): void => {
    const method = prototype[name];
    prototype[name] = function (...args: unknown[]): unknown {
      if (state.armed) count++;
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
  return state;
}
