// deno-lint-ignore-file no-console
// Work that goes on where the last attempt broke off. Run it with
//
//     deno run examples/steps.ts
//
// It prints
//
//     downloading
//     line 0
//     line 1
//     the printer is out of paper
//     line 2
//     line 3
//     archived 4 lines
import { defineJob, Jobd } from "@jobd/jobd";

const archive = defineJob<{ lines: number }>({
  type: "archive",
  run: ({ payload }) => `archived ${payload.lines} lines`,
});

const printFile = defineJob<{ url: string }, { next: string }>({
  type: "print",
  backoff: { base: "10ms", max: "1s", jitter: "none" },
  async run({ attempt }, { step, checkpoint, enqueue }) {
    // Done once: later attempts get what it gave.
    const lines = await step("download", () => {
      console.log("downloading");
      return ["a", "b", "c", "d"];
    });
    for (let line = Number(await checkpoint() ?? 0); line < lines.length; line++) {
      if (attempt === 1 && line === 2) throw new Error("the printer is out of paper");
      console.log(`line ${line}`);
      await checkpoint(line + 1); // how far it has come
    }
    // Stored together with the end of this attempt, so exactly once.
    return { next: (await enqueue(archive, { lines: lines.length })).id };
  },
});

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({
  handlers: [printFile, archive],
  onError: ({ error }) => console.log(error.message),
});
await worker.start();

const job = await jobd.enqueue(printFile, { url: "https://example.com/file" });
const { next } = await job.result({ timeout: "30s" });
console.log((await jobd.jobs.wait(next)).result);
