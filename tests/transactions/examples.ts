/** The examples of docs/library.md, each with a library of its own; docs_test.ts compares them with the page. */
import { defineJob, type Jobd, type JobDefinition } from "@jobd/jobd";
import { bigint, pgTable, text } from "drizzle-orm/pg-core";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import type { Generated, Kysely } from "kysely";
// @ts-types="@types/pg"
import type { Client } from "pg";
import type { Sql } from "postgres";

/** What the examples enqueue. */
export const sendMail: JobDefinition<{ to: string }, string> = defineJob<{ to: string }, string>({
  type: "mail.send",
  uniqueKey: ({ to }) => to,
  run: ({ payload }) => payload.to,
});

/** The table of the examples, for Kysely. */
export interface Tables {
  /** Accounts. */
  account: { id: Generated<string>; email: string };
}

const account = pgTable("account", {
  id: bigint({ mode: "number" }).generatedAlwaysAsIdentity(),
  email: text().notNull(),
});

/** With pg. */
export async function withPg(client: Client, jobd: Jobd, email: string): Promise<void> {
  await client.query("begin");
  try {
    await client.query("insert into account (email) values ($1)", [email]);
    await jobd.enqueue(sendMail, { to: email }, { tx: client });
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

/** With postgres. */
export async function withPostgres(sql: Sql, jobd: Jobd, email: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`insert into account (email) values (${email})`;
    await jobd.enqueue(sendMail, { to: email }, { tx });
  });
}

/** With Drizzle, over any driver. */
export async function withDrizzle(
  db: PgDatabase<PgQueryResultHKT>,
  jobd: Jobd,
  email: string,
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.insert(account).values({ email });
    await jobd.enqueue(sendMail, { to: email }, { tx });
  });
}

/** With Kysely, over any driver. */
export async function withKysely(db: Kysely<Tables>, jobd: Jobd, email: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx.insertInto("account").values({ email }).execute();
    await jobd.enqueue(sendMail, { to: email }, { tx });
  });
}
