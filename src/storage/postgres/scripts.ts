import type { Script } from "../sql/script.ts";
import type { Connections, RunQuery } from "./connections.ts";
import { codeOf } from "./errors.ts";

/** Times that a script is run when somebody else takes the same unique value at the same moment. */
const TRIES = 5;

/** Runs a script in one transaction, one round trip for each statement; anew when it met a conflict. */
export async function runScript<T>(connections: Connections, script: () => Script<T>): Promise<T> {
  for (let count = 1;; count++) {
    try {
      return await connections.transaction((run) => drive(run, script()));
    } catch (error) {
      const taken = codeOf((error as Error).cause) === "23505";
      if (!taken || count >= TRIES) throw error;
    }
  }
}

/**
 * Runs a script that only reads, or that writes with one statement. Each statement sees the moment at which it begins; in a
 * transaction that would be the same, and cost two round trips more.
 */
export function runStatements<T>(connections: Connections, script: () => Script<T>): Promise<T> {
  return drive((query, values) => connections.query(query, values), script());
}

/** Runs a script, statement by statement. */
export async function drive<T>(run: RunQuery, script: Script<T>): Promise<T> {
  let step = script.next();
  while (!step.done) {
    const { text, params } = step.value;
    step = script.next(await run({ text }, params));
  }
  return step.value;
}
