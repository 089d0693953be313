// The testing kit: a job that fails once, on a fake clock.
import process from "node:process";
import { defineJob } from "@jobd/jobd";
import { perform, TestJobd } from "@jobd/jobd/testing";

const mail = defineJob<{ to: string }, string>({
  type: "mail",
  backoff: { base: "1h", max: "1h", jitter: "none" },
  run({ attempt, payload }) {
    if (attempt === 1) throw new Error("no answer");
    return payload.to;
  },
});

const test = await TestJobd.open({ handlers: [mail] });
const job = await test.jobd.enqueue(mail, { to: "ada@example.com" });
const before = test.clock.now();
await test.drain({ withScheduled: true });
const hours = Math.floor((test.clock.now() - before) / 3_600_000);
const { state, result } = await test.jobd.jobs.get(job.id);
const { nextInMs } = await perform(mail, { to: "bob@example.com" });
process.stdout.write(`${JSON.stringify({ state, result, hours, nextInMs })}\n`);
await test.close();
