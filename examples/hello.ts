// deno-lint-ignore-file no-console
// A job, a worker, a result. Run it with
//
//     deno run examples/hello.ts
//
// It prints
//
//     job created
//     Hello Ada
import { defineJob, Jobd } from "@jobd/jobd";
import { z } from "zod"; // any Standard Schema validator

const greet = defineJob({
  type: "greet",
  payload: z.object({ name: z.string() }),
  run: ({ payload }) => `Hello ${payload.name}`,
});

// A file such as "sqlite:jobd.db", or "postgres://...", keeps jobs when the program ends.
await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({ handlers: [greet] });
await worker.start();

const job = await jobd.enqueue(greet, { name: "Ada" }); // durable from here on
console.log("job", job.outcome);
console.log(await job.result({ timeout: "30s" }));
