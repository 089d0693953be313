import { DatabaseSync, StatementSync } from "node:sqlite";
import pg from "pg";

let armed = false;
let count = 0;
let last = 0;
let moment = "";

/**
 * From now on this process is killed at the n-th statement: before it reaches the store, or, with "after", once the store
 * has done it.
 */
export function arm(nth: number, when: string): void {
  [last, moment, armed, count] = [nth, when, true, 0];
}

/** No longer. */
export function disarm(): void {
  armed = false;
}

function strike(now: "before" | "after"): void {
  if (armed && now === moment && count === last) Deno.kill(Deno.pid, "SIGKILL");
}

/** Counts the calls of a method of all objects of a class. */
// deno-lint-ignore no-explicit-any
function watch(prototype: any, name: string): void {
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
}

for (const name of ["run", "all", "get"]) watch(StatementSync.prototype, name);
watch(DatabaseSync.prototype, "exec");
watch(pg.Client.prototype, "query");
