import { JobdError } from "../domain/errors.ts";
import type { Row } from "./sql/script.ts";

/**
 * A PostgreSQL transaction of the caller's own, on the database that holds the jobs: a client of `pg`, the `sql` of a
 * transaction of `postgres`, or, for any other library, a function that runs SQL with numbered parameters.
 */
export type Transaction =
  | { query(text: string, values: unknown[]): PromiseLike<{ rows: unknown[] }> }
  | { unsafe(text: string, values: never[]): PromiseLike<unknown> }
  | ((text: string, values: unknown[]) => PromiseLike<unknown[] | { rows: unknown[] }>);

/** Runs SQL within a transaction of the caller's and gives the rows. */
export async function runWithin(transaction: Transaction, text: string, values: unknown[]): Promise<Row[]> {
  const answer = await send(transaction, text, values);
  const rows = Array.isArray(answer) ? answer : (answer as { rows?: unknown } | undefined)?.rows;
  if (Array.isArray(rows)) return [...rows] as Row[];
  throw new JobdError("invalid_request", "The given transaction answers without rows", {
    hint: "Give a client of pg, the sql of a transaction of postgres, or a function (text, values) => rows.",
  });
}

function send(transaction: Transaction, text: string, values: unknown[]): PromiseLike<unknown> {
  if (typeof transaction === "function" && !("unsafe" in transaction)) return transaction(text, values);
  if ("unsafe" in transaction && typeof transaction.unsafe === "function") {
    return transaction.unsafe(text, values as never[]);
  }
  if ("query" in transaction && typeof transaction.query === "function") {
    return transaction.query(text, values);
  }
  throw new JobdError("invalid_request", "The given transaction cannot run SQL", {
    hint: "Give a client of pg, the sql of a transaction of postgres, or a function (text, values) => rows.",
  });
}

/** The answer of stores that have no transactions of callers. */
export function noTransactions(backend: string): JobdError {
  return new JobdError("invalid_request", `A ${backend} store has no transactions of callers`, {
    hint: "Only jobs of a PostgreSQL store can be enqueued within a transaction of your own.",
  });
}
