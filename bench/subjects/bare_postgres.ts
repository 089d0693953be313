// @ts-types="@types/pg"
import { Client } from "pg";
import { measureIn } from "../harness/process.ts";
import type { Handle, OpenSubject, Payload } from "../harness/subject.ts";

const SCHEMA = `
create table if not exists bare (
  id bigint generated always as identity primary key,
  claimed_at timestamptz,
  payload json not null
) with (fillfactor = 80);
create index if not exists bare_waiting on bare (id) where claimed_at is null;
`;
const INSERT = {
  name: "insert",
  text: "insert into bare (payload) select p::json from unnest($1::text[]) p",
};
const CLAIM = {
  name: "claim",
  text: `with picked as materialized (
    select id from bare where claimed_at is null and id >= $2 order by id limit $1 for update skip locked
  ) update bare set claimed_at = now() from picked where bare.id = picked.id returning bare.id, bare.payload`,
};
const REMOVE = { name: "remove", text: "delete from bare where id = any($1::bigint[])" };
/** Connections that insert; more of them make smaller groups. */
const WRITERS = 2;
const GROUP = 500;

/**
 * The least that PostgreSQL must do for a queue: insert a row, update it, delete it, in batches; single inserts share a
 * commit. No retries, no leases, no history: a limit, not a queue.
 */
const open: OpenSubject = async ({ url, options }) => {
  const workers = Number(options.workers ?? 2);
  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    return client;
  };
  const bulk = await connect();
  await bulk.query(SCHEMA);
  const free = await Promise.all(Array.from({ length: WRITERS }, connect));
  let waiting: { text: string; resolve: () => void }[] = [];

  const pump = async (): Promise<void> => {
    while (waiting.length > 0) {
      const client = free.pop();
      if (client === undefined) return;
      const group = waiting.slice(0, GROUP);
      waiting = waiting.slice(GROUP);
      await client.query({ ...INSERT, values: [group.map(({ text }) => text)] });
      free.push(client);
      for (const { resolve } of group) resolve();
    }
  };

  let low = 0;
  const run = async (batch: number, handle: Handle): Promise<void> => {
    const client = await connect();
    for (;;) {
      const { rows } = await client.query<{ id: string; payload: Payload }>({
        ...CLAIM,
        values: [batch, low],
      });
      if (rows.length === 0) return;
      await Promise.all(rows.map(({ payload }) => handle(payload)));
      await client.query({ ...REMOVE, values: [rows.map(({ id }) => id)] });
      const highest = rows.reduce((most, { id }) => Math.max(most, Number(id)), 0);
      // Below are only rows that another worker has; dead rows there need not be walked again.
      low = Math.max(low, highest - 2 * workers * batch);
    }
  };

  return {
    about: { name: "bare SQL on PostgreSQL", version: "", settings: options },
    chunk: 2_000,
    enqueue: (payload) =>
      new Promise<void>((resolve) => {
        waiting.push({ text: JSON.stringify(payload), resolve });
        queueMicrotask(pump);
      }),
    enqueueMany: (payloads) => bulk.query({ ...INSERT, values: [payloads.map((p) => JSON.stringify(p))] }),
    work(concurrency, handle) {
      const batch = Math.ceil(concurrency / workers);
      const all = Promise.all(Array.from({ length: workers }, () => run(batch, handle)));
      return Promise.resolve({ settled: () => all });
    },
  };
};

await measureIn(open);
