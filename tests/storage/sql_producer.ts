import assert from "node:assert/strict";
// @ts-types="@types/pg"
import { Client, DatabaseError } from "pg";
import { type Job, Jobd, type JobRequest } from "../../src/mod.ts";
import type { PostgresVersion } from "../support/postgres_binaries.ts";
import { openPostgresStore, type PostgresStore } from "./postgres_store.ts";

/** What the functions answer for a job. */
export interface Answer {
  id: string;
  outcome: string;
  state: string;
}

/** A session that knows SQL and nothing of jobd. */
export class SqlProducer implements AsyncDisposable {
  readonly client: Client;
  readonly schema: string;

  constructor({ url, schema }: Pick<PostgresStore, "url" | "schema">) {
    this.client = new Client({ connectionString: url });
    this.schema = schema;
  }

  /** Runs SQL in which the schema is called jobd. */
  async run<Row = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.client.query(sql.replaceAll("jobd.", `${this.schema}.`), values)).rows;
  }

  /** Calls jobd.enqueue with these arguments, as they would stand in the SQL text. */
  async enqueue(args: string): Promise<Answer> {
    const [answer] = await this.run<Answer>(`select * from jobd.enqueue(${args})`);
    assert.ok(answer);
    return answer;
  }

  /** Calls jobd.enqueue_many. */
  many(requests: unknown): Promise<Answer[]> {
    return this.run<Answer>("select * from jobd.enqueue_many($1::json)", [JSON.stringify(requests)]);
  }

  /** The error that PostgreSQL answers with. */
  async refused(work: Promise<unknown>): Promise<DatabaseError> {
    const error = await work.then(() => undefined, (error: unknown) => error);
    assert.ok(error instanceof DatabaseError, String(error));
    return error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client.end();
  }
}

/** A store with its library and a producer in SQL. */
export interface SqlWorld extends AsyncDisposable {
  store: PostgresStore;
  jobd: Jobd;
  sql: SqlProducer;
  /** Another session. */
  producer(): Promise<SqlProducer>;
  /** A job of any namespace. */
  job(id: string): Promise<Job>;
  /** What is stored of a job, with neither its id nor its instants but as distances from its creation. */
  stored(id: string): Promise<unknown>;
}

/** Makes a store on a server of that version. */
export async function sqlWorld(version: PostgresVersion): Promise<SqlWorld> {
  const stack = new AsyncDisposableStack();
  const store = stack.use(await openPostgresStore({}, version));
  const jobd = await Jobd.open(store.driver);
  const producer = async (): Promise<SqlProducer> => {
    const made = stack.use(new SqlProducer(store));
    await made.client.connect();
    return made;
  };
  const sql = await producer();
  return {
    store,
    jobd,
    sql,
    producer,
    job: (id) => jobOf(store, id),
    stored: async (id) => await stored(await jobOf(store, id), sql),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function jobOf({ driver }: PostgresStore, id: string): Promise<Job> {
  const [job] = await driver.get([id]);
  assert.ok(job, id);
  return job;
}

async function stored({ id, createdAt, runAt, expireAt, ...job }: Job, sql: SqlProducer): Promise<unknown> {
  const [row] = await sql.run<{ row: Record<string, unknown>; dispatch: unknown }>(
    `select to_jsonb(j) as row, json_build_object(
       'ready', (select json_agg(json_build_object('queue', queue_id, 'rank', rank, 'type', type, 'same', seq = j.seq))
         from jobd.ready where job_id = j.id),
       'scheduled', (select json_agg(run_at = j.run_at) from jobd.scheduled where job_id = j.id)) as dispatch
     from jobd.job j where id = $1`,
    [id],
  );
  assert.ok(row);
  const { id: _id, seq, created_at, run_at, expire_at, ...columns } = row.row;
  assert.ok(created_at !== null && run_at !== null && (expire_at === null) === (expireAt === null));
  return {
    job,
    columns,
    dispatch: row.dispatch,
    placed: seq !== null,
    waits: runAt - createdAt,
    expires: expireAt === null ? null : expireAt - createdAt,
  };
}

/** A request, and the same as the arguments of jobd.enqueue. */
export type Pair = [request: JobRequest, args: string];
