// deno-lint-ignore-file no-console
// Jobs that are gathered by a key and handled in one call, each with an end of its own. Run it with
//
//     deno run examples/groups.ts
//
// It prints
//
//     gathering for db-1: 2 of 3
//     push to db-1: 1 2 3
//     push to db-2: 9
//     3 is dead: out of range
import { defineJob, discard, Jobd } from "@jobd/jobd";

const push = defineJob<{ host: string; value: number }, string>({
  type: "metrics.push",
  // Handed over when there are 3 of a host, or when none has come for 50 ms, or a minute after the first.
  group: { key: ({ host }) => host, size: 3, silence: "50ms", maxAge: "1m" },
  runGroup(jobs) {
    console.log(`push to ${jobs[0]?.payload.host}: ${jobs.map(({ payload }) => payload.value).join(" ")}`);
    return jobs.map(({ payload }) => payload.value === 3 ? discard("out of range") : "stored");
  },
});

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({ handlers: [push] });

const jobs = await jobd.enqueueMany([1, 2].map((value) => ({ job: push, payload: { host: "db-1", value } })));
for await (const { key, jobs, size } of jobd.groups.list()) {
  console.log(`gathering for ${key}: ${jobs} of ${size}`);
}

const third = await jobd.enqueue(push, { host: "db-1", value: 3 });
await worker.start();
await Promise.all(jobs.map(({ id }) => jobd.jobs.wait(id)));
const other = await jobd.enqueue(push, { host: "db-2", value: 9 });
await other.result();
const { state, error } = await third.job();
console.log(`3 is ${state}: ${error?.message}`);
