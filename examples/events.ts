// deno-lint-ignore-file no-console
// What happens to jobs, told as it happens, whichever process does it. Run it with
//
//     deno run examples/events.ts
//
// It prints
//
//     job.enqueued mail
//     job.started mail, attempt 1
//     job.retrying mail, attempt 1: The server is away
//     job.started mail, attempt 2
//     job.completed mail, attempt 2
//     queue.paused mails
import { Jobd } from "@jobd/jobd";

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });

const events = jobd.events(); // or jobd.on("job.*", (event) => ...)
await events.ready; // what happens from here on is told

await using worker = jobd.worker({
  handlers: {
    mail: ({ attempt }) => {
      if (attempt === 1) throw new Error("The server is away");
    },
  },
});
await worker.start();
const job = await jobd.enqueue({ type: "mail", queue: "mails", backoff: { base: "10ms" } });
await job.result({ timeout: "30s" });
await jobd.queues.pause("mails");

for await (const event of events) {
  if ("jobId" in event) {
    const attempt = event.attempt > 0 ? `, attempt ${event.attempt}` : "";
    const why = event.error === undefined ? "" : `: ${event.error.message}`;
    console.log(`${event.kind} ${event.type}${attempt}${why}`);
    continue;
  }
  if ("queue" in event) console.log(event.kind, event.queue);
  break; // ends the stream
}
