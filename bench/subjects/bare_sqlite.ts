import { DatabaseSync } from "node:sqlite";
import { measureIn } from "../harness/process.ts";
import type { OpenSubject, Payload } from "../harness/subject.ts";

const SCHEMA = `
pragma journal_mode = wal;
pragma synchronous = full;
pragma cache_size = -32768;
pragma wal_autocheckpoint = 4000;
create table if not exists bare (id integer primary key, claimed_at integer, payload text not null) strict;
create index if not exists bare_waiting on bare (id) where claimed_at is null;
`;

/**
 * The least that SQLite must do for a queue: insert a row, update it, delete it, in batches and durably; single inserts
 * share a commit. No retries, no leases, no history: a limit, not a queue.
 */
const open: OpenSubject = ({ url, options }) => {
  const database = new DatabaseSync(url.slice("sqlite:".length));
  database.exec(SCHEMA);
  const insert = database.prepare("insert into bare (payload) select value from json_each(?)");
  const claim = database.prepare(
    `update bare set claimed_at = 1 where id in (
      select id from bare where claimed_at is null order by id limit ?
    ) returning id, payload`,
  );
  const remove = database.prepare("delete from bare where id in (select value from json_each(?))");
  let waiting: { payload: Payload; resolve: () => void }[] = [];

  // The strings inside the array are the payloads' JSON, so that it is stored as it is.
  const store = (payloads: Payload[]): void =>
    void insert.run(JSON.stringify(payloads.map((payload) => JSON.stringify(payload))));
  const flush = (): void => {
    const group = waiting;
    waiting = [];
    store(group.map(({ payload }) => payload));
    for (const { resolve } of group) resolve();
  };

  return Promise.resolve({
    about: { name: "bare SQL on SQLite", version: "", settings: options },
    chunk: 2_000,
    enqueue: (payload) =>
      new Promise<void>((resolve) => {
        if (waiting.push({ payload, resolve }) === 1) setImmediate(flush);
      }),
    enqueueMany: (payloads) => Promise.resolve(store(payloads)),
    work(concurrency, handle) {
      const run = async (): Promise<void> => {
        for (;;) {
          const rows = claim.all(concurrency) as { id: number; payload: string }[];
          if (rows.length === 0) return;
          await Promise.all(rows.map(({ payload }) => handle(JSON.parse(payload))));
          remove.run(JSON.stringify(rows.map(({ id }) => id)));
        }
      };
      const all = run();
      return Promise.resolve({ settled: () => all });
    },
  });
};

await measureIn(open);
