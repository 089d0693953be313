import assert from "node:assert/strict";
import { Client } from "pg";
import { DecidedSeq } from "../../src/storage/postgres/floor.ts";
import { insertion, insertQuery, insertValues } from "../../src/storage/postgres/insert.ts";
import { lookQuery } from "../../src/storage/postgres/look.ts";
import { schemaNames } from "../../src/storage/postgres/names.ts";
import { newJob } from "../conformance/world.ts";
import { chance, pass } from "../e2e/chance.ts";
import { openPostgresStore } from "../storage/postgres_store.ts";

const WRITERS = 8;
const LOOKS = 10_000;
const EVERYWHERE = JSON.stringify([{ q1: 0, r1: 0, q2: Number.MAX_SAFE_INTEGER, r2: 0 }]);

/** What a look called decided, and the rows that it saw there. */
interface Slice {
  low: number;
  high: number;
  seen: number[];
}

Deno.test("where a look says that all is decided nothing turns up later, however server processes are held up", async () => {
  const random = chance();
  await using store = await openPostgresStore();
  const { url, schema } = store;
  const names = schemaNames(schema);
  await store.driver.insert([newJob(0)]);
  const sessions: { client: Client; pid: number }[] = [];
  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query("select pg_backend_pid() as pid");
    sessions.push({ client, pid: rows[0].pid });
    return client;
  };
  const slices: Slice[] = [];
  let looking = true;
  let jobs = 0;

  const write = async (client: Client): Promise<void> => {
    const { rows } = await client.query(`select id from ${schema}.queue`);
    while (looking) {
      const n = ++jobs;
      const values = insertValues([insertion(newJob(n, { priority: n % 2 }), Number(rows[0].id))]);
      await client.query("begin");
      await client.query(insertQuery(names).text, values);
      await client.query(n % 4 === 0 ? "commit" : "rollback");
    }
  };
  const look = async (client: Client): Promise<void> => {
    const visible = `(select json_agg(seq) from ${names.table("ready")} where seq > $3)`;
    const text = lookQuery(names, false).text.replace(/from mark$/, `, ${visible} as visible from mark`);
    const decided = new DecidedSeq();
    for (let count = 0; count < LOOKS; count++) {
      const low = decided.seq;
      const { rows: [row] } = await client.query({ name: "look", text, values: ["[]", EVERYWHERE, low] });
      decided.advance(BigInt(row.xmin));
      decided.note(Number(row.seq), BigInt(row.xid));
      const seen = (row.visible as number[] | null ?? []).filter((seq) => seq <= decided.seq);
      if (decided.seq > low) slices.push({ low, high: decided.seq, seen });
      if (random() < 0.1) await pass(random() * 3);
    }
    looking = false;
  };
  const holdUp = async (): Promise<void> => {
    while (looking) {
      const { pid } = sessions[Math.floor(random() * sessions.length)] as { pid: number };
      Deno.kill(pid, "SIGSTOP");
      await pass(random() * 6);
      Deno.kill(pid, "SIGCONT");
    }
  };
  const looker = await connect();
  const writers = await Promise.all(Array.from({ length: WRITERS }, connect));
  await Promise.all([...writers.map(write), look(looker), holdUp()]);

  const { rows } = await looker.query(`select seq::integer from ${names.table("ready")} order by seq`);
  const there: number[] = rows.map(({ seq }) => seq);
  assert.ok(slices.length > LOOKS / 10, `${slices.length} floors`);
  for (const { low, high, seen } of slices) {
    assert.deepEqual(seen.toSorted((a, b) => a - b), there.filter((seq) => seq > low && seq <= high));
  }
  await Promise.all(sessions.map(({ client }) => client.end()));
});
