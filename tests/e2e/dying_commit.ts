/**
 * A process that writes the ticks that are due, and is killed at the n-th statement of that: before it reaches the store,
 * or, with "after", once the store has done it.
 *
 *     deno run tests/e2e/dying_commit.ts STORE_URL N before|after NOW
 *
 * It says "done" when the commit has fewer statements.
 */
import type { NewJob } from "../../src/domain/job.ts";
import { planTicks } from "../../src/domain/tick_plan.ts";
import { tickEvents } from "../../src/domain/schedule_events.ts";
import { newJob } from "../../src/domain/request.ts";
import { openDriver } from "../../src/storage/open.ts";
import { dieAt } from "./dying.ts";

const [url = "", nth = "", when = "", at = ""] = Deno.args;
const [last, now] = [Number(nth), Number(at)];
const death = dieAt({ nth: last, when: when === "after" ? "after" : "before" });

const driver = await openDriver(url, {});
const { schedules } = await driver.dueSchedules({ namespace: "default", now, limit: 100 });
const commits = schedules.flatMap((schedule) => {
  const plan = planTicks(schedule, { now, stateOf: () => undefined });
  if (plan === null) return [];
  const { state, nextAt, pausedAt, pauseReason } = plan;
  const jobs = plan.starts.map(({ jobId: id }): NewJob =>
    newJob({ type: "t", id }, { now, id, maxAttempts: 1 })
  );
  const records = plan.starts.map(({ tick, jobId }) => ({
    tick,
    at: now,
    outcome: "started" as const,
    jobId,
  }));
  const set = { state, nextAt, pausedAt, pauseReason };
  const events = tickEvents(schedule, records);
  return [{ id: schedule.id, version: schedule.version, set, jobs, records, events }];
});
// What is asked for once in a process is not part of it.
await driver.insert([]);
death.armed = true;
await driver.commitTicks(commits);
death.armed = false;
await driver.close();
await Deno.stdout.write(new TextEncoder().encode("done\n"));
