// deno-lint-ignore-file no-console
// A row and its job, both or neither, in a PostgreSQL transaction of your own. Run it with
//
//     DATABASE_URL=postgres://user:password@localhost/shop deno run --allow-net --allow-env examples/transaction.ts
//
// It prints
//
//     rolled back: 0 accounts, 0 mails
//     committed: 1 accounts, 1 mails
//     welcome ada@example.com
import { defineJob, Jobd } from "@jobd/jobd";
import { Client } from "pg";

const url = Deno.env.get("DATABASE_URL");
if (url === undefined) throw new Error("Say where PostgreSQL is: DATABASE_URL=postgres://...");

const welcome = defineJob<{ to: string }>({ type: "welcome", run: ({ payload }) => `welcome ${payload.to}` });
await using jobd = await Jobd.open(url, { migrate: true });

const client = new Client(url);
await client.connect();
await client.query("create temporary table account (email text)");

async function signUp(to: string, end: "commit" | "rollback"): Promise<string> {
  await client.query("begin");
  await client.query("insert into account values ($1)", [to]);
  const job = await jobd.enqueue(welcome, { to }, { tx: client });
  await client.query(end);
  const { rows } = await client.query("select count(*) from account");
  const mails = await Array.fromAsync(jobd.jobs.list({ type: "welcome", state: "available" }));
  console.log(
    `${end === "commit" ? "committed" : "rolled back"}: ${rows[0].count} accounts, ${mails.length} mails`,
  );
  return job.id;
}

await signUp("ada@example.com", "rollback");
const id = await signUp("ada@example.com", "commit");
await client.end();

await using worker = jobd.worker({ handlers: [welcome] });
await worker.start();
console.log((await jobd.jobs.wait(id)).result);
