// deno-lint-ignore-file no-console
// How a job may end, and what is tried again. Run it with
//
//     deno run examples/retries.ts
//
// It prints
//
//     flaky: completed after 3 attempts, 2 of them failures
//     patient: completed after 2 attempts, 0 of them failures
//     away: completed after 2 attempts, 0 of them failures
//     hopeless: dead after 1 attempts, 1 of them failures (discarded: no such file)
//     unlucky: dead after 2 attempts, 2 of them failures (error: no)
//     unlucky, retried by hand: completed
import { discard, type Handler, Jobd, snooze, transient } from "@jobd/jobd";

let fixed = false;
const handlers: Record<string, Handler["run"]> = {
  flaky({ attempt }) {
    if (attempt < 3) throw new Error("not yet"); // a failure: tried again, later each time
    return "done";
  },
  patient: ({ attempt }) => attempt === 1 ? snooze("10ms", "the file is not there yet") : "done",
  away: ({ attempt }) => attempt === 1 ? transient("the service restarts", { retryIn: "10ms" }) : "done",
  hopeless: () => discard("no such file"), // trying again cannot help
  unlucky() {
    if (!fixed) throw new Error("no");
    return "done";
  },
};

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({ handlers });
await worker.start();

const jobs = await jobd.enqueueMany(
  Object.keys(handlers).map((type) => ({
    type,
    maxAttempts: type === "unlucky" ? 2 : 5,
    backoff: { base: "10ms", max: "1s", jitter: "full" as const },
  })),
);
for (const { id } of jobs) {
  const { type, state, attempt, failures, error } = await jobd.jobs.wait(id);
  const why = state === "dead" ? ` (${error?.code}: ${error?.message})` : "";
  console.log(`${type}: ${state} after ${attempt} attempts, ${failures} of them failures${why}`);
}

fixed = true;
await jobd.dead.retry({ type: "unlucky" });
console.log(`unlucky, retried by hand: ${(await jobd.jobs.wait(jobs[4]!.id)).state}`);
