import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Within } from "@jobd/jobd";
import { Pool } from "pg";

/** Runs one statement with parameters `$1`, `$2`, ... in this order, and gives its rows. */
export type Query = (text: string, values?: (string | number | null)[]) => Promise<Record<string, unknown>[]>;

/** The database of the shop: the one that holds the jobs, too. */
export interface Database extends AsyncDisposable {
  query: Query;
  /**
   * Does both or neither: `store` writes rows, `enqueue` the jobs that must not be missing when the rows are there.
   */
  together(
    store: (query: Query) => Promise<unknown>,
    enqueue: (within: Within) => Promise<unknown>,
  ): Promise<void>;
}

/** Opens the database of a store URL: `sqlite:PATH` or `postgres://...`. */
export function openDatabase(url: string): Database {
  return url.startsWith("sqlite:") ? openSqlite(url.slice("sqlite:".length)) : openPostgres(url);
}

function openPostgres(connectionString: string): Database {
  const pool = new Pool({ connectionString, max: 4 });
  pool.on("error", () => {}); // an idle connection broke: the next query takes another one
  return {
    query: async (text, values) => (await pool.query(text, values)).rows,
    // One transaction: the job exists exactly when the rows do.
    async together(store, enqueue) {
      const client = await pool.connect();
      try {
        await client.query("begin");
        await store(async (text, values) => (await client.query(text, values)).rows);
        await enqueue({ tx: client });
        await client.query("commit");
        client.release();
      } catch (error) {
        client.release(true); // closing the connection rolls back
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

function openSqlite(path: string): Database {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  const query: Query = (text, values: SQLInputValue[] = []) =>
    Promise.resolve(db.prepare(text.replace(/\$\d+/g, "?")).all(...values));
  return {
    query,
    // Two commits, the job first. If the program dies between them there is a job without its rows, never rows without
    // their job; so a job has to look whether its rows are there.
    async together(store, enqueue) {
      await enqueue({});
      await store(query);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(db.close()),
  };
}
