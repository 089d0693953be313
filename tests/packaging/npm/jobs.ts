// What the programs of this folder run: the same in Node.js, Bun and Deno.
import { defineJob, transient } from "@jobd/jobd";

/** What runs this program. */
export const runtime: string = "Deno" in globalThis ? "Deno" : "Bun" in globalThis ? "Bun" : "Node.js";

/** What a job gives: who ran it. */
export interface Done {
  text: string;
  by: string;
}

/** Gives its text in capitals. */
export const shout = defineJob<{ text: string }, Done>({
  type: "shout",
  run: ({ payload }) => ({ text: payload.text.toUpperCase(), by: runtime }),
});

/** Fails the first time, and enqueues another job with its end. */
export const flaky = defineJob<{ text: string }, Done>({
  type: "flaky",
  backoff: { base: 1, max: 1, jitter: "none" },
  async run(job, context) {
    context.log("attempt");
    if (job.attempt === 1) throw new Error("the first time", { cause: new Error("of all") });
    if (job.attempt === 2) return transient("busy", { retryIn: 1 });
    const counted = await context.step("count", () => job.payload.text.length);
    await context.enqueue(shout, { text: `after ${job.payload.text}` });
    return { text: String(counted), by: runtime };
  },
});

/** Lets nothing else of its process run for a while. */
export const block = defineJob<{ ms: number }, Done>({
  type: "block",
  run({ payload }) {
    const end = performance.now() + payload.ms;
    while (performance.now() < end);
    return { text: "", by: runtime };
  },
});

/** Runs until the process is killed, the first time. */
export const hang = defineJob<Record<string, never>, Done>({
  type: "hang",
  run: (job) => job.attempt === 1 ? new Promise(() => {}) : { text: "", by: runtime },
});
