/** Each library that speaks to PostgreSQL, behind the few words of the tests. */
import type { Jobd, Transaction } from "@jobd/jobd";
import { sql as drizzleSql } from "drizzle-orm";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from "kysely";
// @ts-types="@types/pg"
import { Client, type ClientBase, Pool } from "pg";
import postgres from "postgres";
import { type Tables, withDrizzle, withKysely, withPg, withPostgres } from "./examples.ts";

/** A library that is connected. */
export interface Library extends AsyncDisposable {
  /** What is not a transaction, although it looks like one; the client of pg cannot be told from one. */
  whole: Transaction | undefined;
  /** Runs work in a transaction, which ends with it: `run` is the library's own way to run SQL in it. */
  transaction(
    work: (tx: Transaction, run: (sql: string) => Promise<unknown>) => Promise<void>,
  ): Promise<void>;
  /** The example of the documentation. */
  example(jobd: Jobd, email: string): Promise<void>;
}

/** Connects with tables found in that schema. */
export type Connect = (url: string, schema: string) => Promise<Library>;

/** Transactions of a client of pg. */
function byHand(client: ClientBase): Library["transaction"] {
  return async (work) => {
    await client.query("begin");
    try {
      await work(client, (text) => client.query(text));
      await client.query("commit");
    } catch (error) {
      await client.query("rollback");
      throw error;
    }
  };
}

const viaPg: Connect = async (url, schema) => {
  const client = new Client({ connectionString: url, options: `-c search_path=${schema}` });
  await client.connect();
  return {
    whole: undefined,
    transaction: byHand(client),
    example: (jobd, email) => withPg(client, jobd, email),
    [Symbol.asyncDispose]: () => client.end(),
  };
};

const viaPool: Connect = async (url, schema) => {
  const pool = pgPool(url, schema);
  const client = await pool.connect();
  const transaction = byHand(client);
  return {
    whole: pool,
    transaction,
    example: (jobd, email) =>
      transaction(async (tx, run) => {
        await run(`insert into account (email) values ('${email}')`);
        await jobd.enqueue({ type: "mail.send", payload: { to: email } }, { tx });
      }),
    [Symbol.asyncDispose]: () => (client.release(), pool.end()),
  };
};

function viaPostgres(options: postgres.Options<Record<string, postgres.PostgresType>>): Connect {
  return (url, schema) => {
    const sql = postgresJs(url, schema, options);
    return Promise.resolve({
      whole: sql,
      transaction: async (work) => {
        await sql.begin((tx) => work(tx, (text) => tx.unsafe(text)));
      },
      example: (jobd: Jobd, email: string) => withPostgres(sql, jobd, email),
      [Symbol.asyncDispose]: () => sql.end({ timeout: 2 }),
    });
  };
}

const viaDrizzleOnPg: Connect = (url, schema) => {
  const pool = pgPool(url, schema);
  const db = drizzlePg(pool);
  return Promise.resolve({
    whole: db as unknown as Transaction,
    transaction: (work) =>
      db.transaction((tx) => work(tx, async (text) => await tx.execute(drizzleSql.raw(text)))),
    example: (jobd, email) => withDrizzle(db, jobd, email),
    [Symbol.asyncDispose]: () => pool.end(),
  });
};

const viaDrizzleOnPostgres: Connect = (url, schema) => {
  const sql = postgresJs(url, schema, {});
  const db = drizzlePostgres(sql);
  return Promise.resolve({
    whole: db as unknown as Transaction,
    transaction: (work) =>
      db.transaction((tx) => work(tx, async (text) => await tx.execute(drizzleSql.raw(text)))),
    example: (jobd, email) => withDrizzle(db, jobd, email),
    [Symbol.asyncDispose]: () => sql.end({ timeout: 2 }),
  });
};

function viaKysely(plugins: CamelCasePlugin[]): Connect {
  return (url, schema) => {
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: pgPool(url, schema) }), plugins });
    return Promise.resolve({
      whole: db,
      transaction: (work) =>
        db.transaction().execute((tx) => work(tx, (text) => tx.executeQuery(CompiledQuery.raw(text)))),
      example: (jobd: Jobd, email: string) => withKysely(db, jobd, email),
      [Symbol.asyncDispose]: () => db.destroy(),
    });
  };
}

function pgPool(url: string, schema: string): Pool {
  return new Pool({ connectionString: url, max: 2, options: `-c search_path=${schema}` });
}

function postgresJs(
  url: string,
  schema: string,
  options: postgres.Options<Record<string, postgres.PostgresType>>,
): postgres.Sql {
  return postgres(url, { max: 2, connection: { search_path: schema }, onnotice: () => {}, ...options });
}

/** All of them, and settings that change what statements of others give. */
export const LIBRARIES: Record<string, Connect> = {
  "pg": viaPg,
  "a client of a pool of pg": viaPool,
  "postgres": viaPostgres({}),
  "postgres, names in camel case": viaPostgres({ transform: postgres.camel }),
  "postgres, names in pascal case": viaPostgres({ transform: postgres.pascal }),
  "postgres, names in kebab case, bigints": viaPostgres({
    transform: postgres.kebab,
    types: { bigint: postgres.BigInt },
  }),
  "Drizzle on pg": viaDrizzleOnPg,
  "Drizzle on postgres": viaDrizzleOnPostgres,
  "Kysely": viaKysely([]),
  "Kysely, names in camel case": viaKysely([new CamelCasePlugin()]),
};
