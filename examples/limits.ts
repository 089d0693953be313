// deno-lint-ignore-file no-console
// How many jobs of each customer run at a time, and what "429 Too Many Requests" does. Run it with
//
//     deno run examples/limits.ts
//
// It prints
//
//     acme: 2 at a time
//     zeus: 2 at a time
//     sync: done after 2 calls and 0 failures
import { coolDown, defineJob, Jobd, sleep } from "@jobd/jobd";

const running: Record<string, number> = {};
const most: Record<string, number> = {};

const call = defineJob<{ customer: string }>({
  type: "call",
  // Of each customer by itself, on all machines together.
  limit: { key: ({ customer }) => customer, concurrency: 2, rate: { limit: 1000, per: "1s" } },
  async run({ payload: { customer } }, { clock, signal }) {
    running[customer] = (running[customer] ?? 0) + 1;
    most[customer] = Math.max(most[customer] ?? 0, running[customer]);
    await sleep(clock, 20, signal);
    running[customer]--;
  },
});

let asked = 0;
const sync = defineJob<{ customer: string }>({
  type: "sync",
  limit: { key: ({ customer }) => customer, concurrency: 10 },
  // Costs no failure; all jobs of this customer wait.
  run: () => asked++ === 0 ? coolDown("50ms", "429 Too Many Requests") : "done",
});

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({ handlers: [call, sync] });
await worker.start();

const customers = ["acme", "acme", "acme", "acme", "zeus", "zeus", "zeus"];
const calls = await jobd.enqueueMany(customers.map((customer) => ({ job: call, payload: { customer } })));
await Promise.all(calls.map((job) => job.result()));
for (const [customer, count] of Object.entries(most)) console.log(`${customer}: ${count} at a time`);

const job = await jobd.enqueue(sync, { customer: "acme" });
const result = await job.result();
console.log(`sync: ${result} after ${asked} calls and ${(await job.job()).failures} failures`);
