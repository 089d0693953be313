// deno-lint-ignore-file no-console
// Layers around handlers: of the worker, of a group, of one handler. Run it with
//
//     deno run examples/middleware.ts
//
// It prints
//
//     [ada] mail.send begins
//     to ada@example.com, in the name of the shop
//     [ada] mail.send is over
//     [bob] mail.send begins
//     [bob] mail.send is over
//     mail to bob: not allowed
import { defineJob, discard, handlerGroup, Jobd, type Middleware, timeout } from "@jobd/jobd";

/** Of the whole worker: around everything. */
const told: Middleware = async (job, _context, next) => {
  const who = (job.payload as { name: string }).name;
  console.log(`[${who}] ${job.type} begins`);
  try {
    return await next();
  } finally {
    console.log(`[${who}] ${job.type} is over`);
  }
};

/** Of a group: it may also give the answer itself. */
const allowed: Middleware = (job, _context, next) =>
  (job.payload as { name: string }).name === "bob" ? discard("not allowed") : next();

const sendMail = defineJob<{ name: string }>({
  type: "mail.send",
  middleware: [timeout("30s")], // of this handler: one that comes with jobd
  run: ({ payload }) => console.log(`to ${payload.name}@example.com, in the name of the shop`),
});

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({
  middleware: [told],
  handlers: handlerGroup([sendMail], { middleware: [allowed] }),
});
await worker.start();

await (await jobd.enqueue(sendMail, { name: "ada" })).result();
const refused = await jobd.jobs.wait((await jobd.enqueue(sendMail, { name: "bob" })).id);
console.log(`mail to bob: ${refused.error?.message}`);
