import { invalid, JobdError } from "../domain/errors.ts";
import type { Row } from "./sql/script.ts";

/**
 * A PostgreSQL transaction of the caller's own, on the database that holds the jobs: a client of `pg`; what `postgres`,
 * Drizzle and Kysely give to the callback of a transaction; or, for any other library, a function that runs SQL with
 * numbered parameters and gives the rows.
 */
export type Transaction =
  | { query(text: string, values: unknown[]): PromiseLike<{ rows: unknown[] } | unknown[]> }
  | { unsafe(text: string, values: never[]): PromiseLike<unknown> }
  | { execute(query: never): PromiseLike<unknown>; rollback(): unknown }
  | { executeQuery(query: never): PromiseLike<unknown>; readonly isTransaction: boolean }
  | ((text: string, values: unknown[]) => PromiseLike<unknown[] | { rows: unknown[] }>);

const ACCEPTED =
  "Give a client of pg, what postgres, Drizzle or Kysely pass to the callback of a transaction, or a " +
  "function (text, values) => rows.";

/** What libraries offer, of which a transaction has some. */
interface Offers {
  query?: unknown;
  unsafe?: unknown;
  execute?: unknown;
  executeQuery?: unknown;
  withoutPlugins?(): Offers;
  begin?: unknown;
  rollback?: unknown;
  isTransaction?: unknown;
  totalCount?: unknown;
}

type Run = (query: unknown, values?: unknown[]) => PromiseLike<unknown>;

/** Runs SQL within a transaction of the caller's and gives the rows, with columns named as in the SQL. */
export type RunWithin = (text: string, values: unknown[]) => Promise<Row[]>;

/**
 * How to run SQL within a transaction of the caller's.
 *
 * @throws {JobdError} `invalid_request` for what is not known to be a transaction
 */
export function runnerOf(transaction: Transaction): RunWithin {
  const send = senderOf(transaction);
  return async (text, values) => {
    const answer = await send(text, values);
    const rows = Array.isArray(answer) ? answer : (answer as { rows?: unknown } | undefined)?.rows;
    if (Array.isArray(rows)) return rows.map(withNames);
    throw new JobdError("invalid_request", "The given transaction answers without rows", { hint: ACCEPTED });
  };
}

type Send = (text: string, values: unknown[]) => PromiseLike<unknown>;

function senderOf(transaction: Transaction): Send {
  const kind = typeof transaction;
  if (transaction === null || (kind !== "object" && kind !== "function")) {
    const { message } = invalid("tx", transaction, "a transaction");
    throw new JobdError("invalid_request", message, { hint: ACCEPTED });
  }
  const offers = transaction as Offers;
  // The sql of postgres is a function too, but one for templates.
  if (isRun(offers.unsafe)) return viaPostgres(offers, offers.unsafe);
  if (typeof transaction === "function") return transaction;
  if (isRun(offers.query)) return viaPg(offers, offers.query);
  if (isRun(offers.executeQuery)) return viaKysely(offers);
  if (isRun(offers.execute)) return viaDrizzle(offers, offers.execute);
  throw new JobdError("invalid_request", "The given transaction cannot run SQL", { hint: ACCEPTED });
}

function viaPg(client: Offers, query: Run): Send {
  // Each statement of a pool goes to another connection.
  if (typeof client.totalCount === "number") throw notOne("pool of pg", "a client of it, after its `begin`");
  return (text, values) => query.call(client, text, values);
}

function viaPostgres(sql: Offers, unsafe: Run): Send {
  if (typeof sql.begin === "function") {
    throw notOne("sql of postgres", "the one that `sql.begin(async (tx) => ...)` gives");
  }
  return (text, values) => unsafe.call(sql, text, values);
}

function viaKysely(given: Offers): Send {
  if (given.isTransaction !== true) {
    throw notOne("Kysely object", "the one that `db.transaction().execute(async (tx) => ...)` gives");
  }
  // Plugins change names and values of statements that are not theirs.
  const tx = typeof given.withoutPlugins === "function" ? given.withoutPlugins() : given;
  return (text, values) => {
    const query = { kind: "RawNode", sqlFragments: [text], parameters: [] };
    const compiled = { sql: text, parameters: values, query, queryId: { queryId: "jobd" } };
    return (tx.executeQuery as Run).call(tx, compiled);
  };
}

function viaDrizzle(tx: Offers, execute: Run): Send {
  if (typeof tx.rollback !== "function") {
    throw notOne("Drizzle database", "the one that `db.transaction(async (tx) => ...)` gives");
  }
  return (text, values) => {
    // What its `sql` template makes, already put together.
    const built = { toQuery: () => ({ sql: text, params: values }) };
    return execute.call(tx, { getSQL: () => built });
  };
}

function isRun(value: unknown): value is Run {
  return typeof value === "function";
}

/** Jobs would be stored whether or not the caller's transaction commits. */
function notOne(what: string, right: string): JobdError {
  return new JobdError("invalid_request", `The given ${what} is not a transaction`, {
    hint: `Give ${right}.`,
  });
}

/** Libraries can be told to turn column names into another style. */
function withNames(row: unknown): Row {
  return Object.fromEntries(
    Object.entries(row as Row).map((
      [name, value],
    ) => [name.replace(/-|(?<=.)(?=[A-Z])/g, "_").toLowerCase(), value]),
  );
}

/** The answer of stores that have no transactions of callers. */
export function noTransactions(backend: string): JobdError {
  return new JobdError("invalid_request", `A ${backend} store has no transactions of callers`, {
    hint: "Only jobs of a PostgreSQL store can be enqueued within a transaction of your own.",
  });
}
