// deno-lint-ignore-file no-console
// Look at jobs and act on them: one, a list, or all that match. Run it with
//
//     deno run examples/operate.ts
//
// It prints
//
//     tomorrow: scheduled, priority 10, tags urgent
//     3 jobs wait
//     cancelled 2
//     report is cancelled
//     1 of 2 could be deleted: no such job
import { Jobd } from "@jobd/jobd";

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });

const { id } = await jobd.enqueue({ type: "tomorrow", delay: "1d", priority: "high", tags: ["urgent"] });
const job = await jobd.jobs.get(id);
console.log(`${job.type}: ${job.state}, priority ${job.priority}, tags ${job.options.tags}`);

const reports = await jobd.enqueueMany([{ type: "report" }, { type: "report", delay: "1h" }]);
const waiting = await Array.fromAsync(jobd.jobs.list({ state: ["available", "scheduled"] })); // pages by itself
console.log(`${waiting.length} jobs wait`);

const cancelled = await jobd.jobs.cancel({ type: "report" }); // by a filter
console.log(`cancelled ${cancelled.succeeded.length}`);
console.log(`report is ${(await reports[0]!.job()).state}`);

const { succeeded, failed } = await jobd.jobs.delete([reports[0]!.id, crypto.randomUUID()]); // by ids
console.log(`${succeeded.length} of 2 could be deleted: ${failed.length === 1 ? "no such job" : "?"}`);
