// deno-lint-ignore-file no-console
// Many jobs as one unit, and a job of its own when all of them have completed. Run it with
//
//     deno run --allow-sys=hostname examples/batches.ts
//
// It prints
//
//     page 1, page 2, page 3 are open
//     completed: 3 of 3
//     a.example has 3 pages: 10 20 30
import { defineJob, Jobd } from "@jobd/jobd";

const page = defineJob<number>({ type: "page", run: ({ payload }) => payload * 10 });

const publish = defineJob<{ site: string }>({
  type: "publish",
  async run({ payload, options }) {
    const { batch = "", counts } = options.callback ?? {};
    const sizes = await Array.fromAsync(jobd.batches.jobs(batch), ({ result }) => result);
    return `${payload.site} has ${counts?.completed} pages: ${sizes.toSorted().join(" ")}`;
  },
});

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
const batch = await jobd.batch(
  [1, 2, 3].map((payload) => ({ job: page, payload })),
  { type: "render", onComplete: { job: publish, payload: { site: "a.example" } } },
);
const open = await Array.fromAsync(jobd.batches.jobs(batch), ({ type, payload }) => `${type} ${payload}`);
console.log(`${open.toSorted().join(", ")} are open`);

await using worker = jobd.worker({ handlers: [page, publish] });
await worker.start();
const { state, counts, callbacks } = await batch.wait();
console.log(`${state}: ${counts.completed} of ${counts.total}`);
console.log((await jobd.jobs.wait(callbacks.complete?.id ?? "")).result);
