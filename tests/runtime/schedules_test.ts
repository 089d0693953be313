import assert from "node:assert/strict";
import { formatInstant } from "../../src/domain/instant.ts";
import type { ScheduleEvent } from "../../src/domain/event.ts";
import { defineJob, defineSchedule, sleep, statusOf } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";

const START = "2026-03-28T00:00:00Z";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const report = defineJob<{ what: string }, string>({
  type: "report",
  delay: "1h",
  run: ({ payload, options }) => `${payload.what} of ${formatInstant(options.schedule?.tick ?? 0)}`,
});
/** Takes an hour and a half. */
const long = defineJob({
  type: "long",
  timeout: "1d",
  run: (_, { clock, signal }) => sleep(clock, 90 * MINUTE, signal).then(() => signal.throwIfAborted()),
});
const broken = defineJob({
  type: "broken",
  maxAttempts: 1,
  run: () => {
    throw new Error("it broke");
  },
});

/** What became of ticks, oldest first, in hours after the start. */
async function story({ jobd }: TestJobd, name: string): Promise<string> {
  const history = await jobd.schedules.history(name);
  return history.reverse().map(({ tick, outcome }) => `${outcome} ${(tick - Date.parse(START)) / HOUR}`).join(
    ", ",
  );
}

Deno.test("ticks become jobs as the clock goes on, on the clocks of a place", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [report] });
  const { schedules } = test.jobd;
  await schedules.create("nightly", {
    cron: "30 2 * * *",
    timezone: "Europe/Berlin",
    job: report,
    payload: { what: "sales" },
  });
  await test.clock.advance("3d");
  test.assertEnqueued(report, { count: 3, payload: { what: "sales" } });
  assert.equal((await test.drain()).completed, 3);
  const history = await schedules.history("nightly");
  assert.deepEqual(history.map(({ tick }) => formatInstant(tick)), [
    "2026-03-30T00:30:00.000Z",
    "2026-03-29T01:00:00.000Z",
    "2026-03-28T01:30:00.000Z",
  ]);
  const job = await test.jobd.jobs.get(history[1]?.jobId ?? "");
  assert.equal(job.result, "sales of 2026-03-29T01:00:00.000Z");
  assert.deepEqual((await schedules.next("nightly", { count: 2 })).map(formatInstant), [
    "2026-03-31T00:30:00.000Z",
    "2026-04-01T00:30:00.000Z",
  ]);
});

Deno.test("what a tick does while an earlier job has not ended", async () => {
  const expected = {
    allow: "started 1, started 2, started 3, started 4",
    skip: "started 1, skipped 2, started 3, skipped 4",
    queue: "started 1, started 2, started 3",
    cancel: "started 1, started 2, started 3, started 4",
  } as const;
  for (const overlap of ["allow", "skip", "queue", "cancel"] as const) {
    await using test = await TestJobd.open({ now: START, handlers: [long] });
    await test.startWorker();
    await test.jobd.schedules.create("s", { every: "1h", job: long, overlap });
    await test.clock.advance("4h30m");
    assert.equal(await story(test, "s"), expected[overlap], overlap);
    const jobs = await Array.fromAsync(test.jobd.jobs.list());
    const spans = jobs.map(({ startedAt, finishedAt }) => [startedAt ?? 0, finishedAt ?? Infinity]);
    const overlaps = spans.sort(([a = 0], [b = 0]) => a - b)
      .some(([start = 0], index) => index > 0 && start < (spans[index - 1]?.[1] ?? 0));
    assert.equal(overlaps, overlap === "allow", overlap);
    const cancelled = jobs.filter(({ state }) => state === "cancelled").length;
    assert.equal(cancelled, overlap === "cancel" ? 3 : 0);
  }
});

Deno.test("a queued tick starts as soon as the job before it has ended, whoever says so", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [long] });
  await test.startWorker();
  const { schedules, jobs } = test.jobd;
  await schedules.create("s", { every: "1h", job: long, overlap: "queue" });
  await test.clock.advance("2h45m");
  const [second] = await schedules.history("s");
  assert.equal((await jobs.get(second?.jobId ?? "")).startedAt, Date.parse(START) + 2.5 * HOUR);
  // An operator who cancels the running job lets the next one start too.
  await test.clock.advance("30m");
  await jobs.cancel(second?.jobId ?? "");
  await test.clock.advance("2s");
  const [third] = await schedules.history("s");
  assert.equal((await jobs.get(third?.jobId ?? "")).state, "running");
});

Deno.test("after so many failures in a row the schedule is paused, and somebody may resume it", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [broken] });
  await test.startWorker();
  const events: ScheduleEvent[] = [];
  await test.jobd.on("schedule.paused", (event) => void events.push(event));
  const { schedules } = test.jobd;
  await schedules.create("s", { every: "1h", job: broken, pauseAfterFailures: 2 });
  await test.clock.advance("5h");
  const schedule = await schedules.get("s");
  assert.equal(statusOf(schedule), "paused");
  assert.equal(schedule.pauseReason, "2 jobs in a row have failed for good");
  assert.ok(
    (schedule.pausedAt ?? 0) < Date.parse(START) + 2 * HOUR + MINUTE,
    "at once, not at the next tick",
  );
  assert.deepEqual(events.map(({ schedule, reason }) => [schedule, reason]), [["s", schedule.pauseReason]]);
  assert.equal(await story(test, "s"), "started 1, started 2");
  assert.equal(statusOf(await schedules.resume("s")), "active");
  await test.clock.advance("1h");
  assert.equal(await story(test, "s"), "started 1, started 2, started 6");
});

Deno.test("a schedule without a job tells its ticks to whoever listens, also later", async () => {
  await using test = await TestJobd.open({ now: START });
  await test.jobd.schedules.create("pulse", { every: "1h" });
  await test.clock.advance("3h");
  const told: number[] = [];
  await using events = test.jobd.events({ kinds: "schedule.tick", schedule: "pulse", after: 0 });
  for await (const { tick = 0 } of events) {
    told.push((tick - Date.parse(START)) / HOUR);
    if (told.length === 3) break;
  }
  assert.deepEqual(told, [1, 2, 3]);
  assert.equal(await story(test, "pulse"), "emitted 1, emitted 2, emitted 3");
  assert.deepEqual(await Array.fromAsync(test.jobd.jobs.list()), []);
});

Deno.test("changes: pause, resume, update, delete, and what is refused", async () => {
  await using test = await TestJobd.open({ now: START });
  const { schedules } = test.jobd;
  await schedules.create("s", { every: "1h", job: { type: "report" } });
  await assert.rejects(schedules.create("s", { every: "1h" }), { code: "conflict" });
  await assert.rejects(schedules.create("not a name", { every: "1h" }), { code: "invalid_request" });
  await assert.rejects(schedules.create("x", { cron: "0 0 30 2 *" }), { message: /never have a tick/ });
  for (const method of ["get", "pause", "resume", "run", "delete", "next", "history"] as const) {
    await assert.rejects(schedules[method]("nobody"), { code: "not_found" }, method);
  }
  await assert.rejects(schedules.update("s", { overlap: "never" as never }), { code: "invalid_request" });

  await test.clock.advance("2h10m");
  assert.equal(statusOf(await schedules.pause("s")), "paused");
  await test.clock.advance("2h");
  await schedules.resume("s");
  const cron = await schedules.update("s", { cron: "15 * * * *", overlap: "skip" });
  assert.deepEqual([cron.revision, cron.spec.everyMs, cron.spec.timezone], [2, undefined, "UTC"]);
  await test.clock.advance("1h");
  assert.equal(await story(test, "s"), "started 1, started 2, started 4.25");
  const back = await schedules.update("s", { overlap: null, description: "now and then" });
  assert.deepEqual([back.spec.overlap, back.spec.cron], ["allow", "15 * * * *"]);
  assert.deepEqual((await schedules.list()).map(({ name }) => name), ["s"]);
  await schedules.update("s", { overlap: "queue", jitter: "1s" });
  const silent = await schedules.update("s", { job: null });
  assert.deepEqual([silent.spec.job, silent.spec.overlap, silent.spec.jitterMs], [
    undefined,
    "allow",
    undefined,
  ]);
  assert.equal((await schedules.update("s", { description: "only told" })).spec.description, "only told");
  await schedules.delete("s");
  assert.deepEqual(await schedules.list(), []);
  await test.clock.advance("1d");
  assert.equal(test.enqueued().length, 3);
  await schedules.create("s", { every: "1h", job: { type: "report" } });
  assert.equal(await story(test, "s"), "", "a new schedule with an old name has no past");
});

Deno.test("an operator may do now what a tick does, also while the schedule is paused", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [report] });
  const { schedules } = test.jobd;
  await schedules.create("s", { every: "1h", job: report, payload: { what: "stock" }, paused: true });
  const job = await schedules.run("s");
  await test.drain();
  assert.equal(await job?.result(), `stock of ${formatInstant(Date.parse(START))}`);
  const [record] = await schedules.history("s");
  assert.deepEqual([record?.manual, record?.jobId], ["run", job?.id]);
  await schedules.create("pulse", { every: "1h" });
  assert.equal(await schedules.run("pulse"), undefined);
});

Deno.test("a job by hand counts for the overlap of the ticks", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [long] });
  await test.startWorker();
  const { schedules } = test.jobd;
  await schedules.create("s", { every: "1h", job: long, overlap: "skip" });
  await test.clock.advance("30m");
  await schedules.run("s");
  await test.clock.advance("2h");
  assert.equal(await story(test, "s"), "started 0.5, skipped 1, started 2");
});

Deno.test("a backfill makes the jobs that are missing, however often it is asked for", async () => {
  await using test = await TestJobd.open({ now: START });
  const { schedules } = test.jobd;
  await schedules.create("s", { every: "1h", job: { type: "report" } });
  await test.clock.advance("3h");
  const from = Date.parse(START) - 3 * HOUR;
  assert.deepEqual(await schedules.backfill("s", { from }), { ticks: 7, created: 4, existing: 3 });
  assert.deepEqual(await schedules.backfill("s", { from }), { ticks: 7, created: 0, existing: 7 });
  assert.equal(test.enqueued().length, 7);
  const later = { from: Date.parse(START), to: Date.parse(START) + 10 * HOUR };
  await assert.rejects(schedules.backfill("s", later), { code: "invalid_request", message: /has passed/ });
  await schedules.update("s", { every: "1s" });
  await assert.rejects(schedules.backfill("s", { from }), { message: /more than 10000/ });
});

Deno.test("what an operator has changed stays, when the program with the definition starts again", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [report] });
  const { schedules } = test.jobd;
  const version = (every: string, priority: number) =>
    defineSchedule({ name: "s", every, job: { type: "report", priority } });
  const start = async (every: string, priority: number): Promise<unknown[]> => {
    await using _ = await test.startWorker({ schedules: [version(every, priority)] });
    const { spec, source, revision } = await schedules.get("s");
    return [spec.everyMs, spec.job?.priority, source, revision];
  };
  assert.deepEqual(await start("1h", 1), [HOUR, 1, "code", 1]);
  assert.deepEqual(await start("1h", 1), [HOUR, 1, "code", 1]);
  assert.deepEqual(await start("2h", 1), [2 * HOUR, 1, "code", 2]);
  await schedules.update("s", { every: "3h" });
  await schedules.pause("s");
  assert.deepEqual(await start("2h", 1), [3 * HOUR, 1, "code", 3]);
  assert.deepEqual(await start("4h", 2), [3 * HOUR, 2, "code", 4]);
  assert.equal(statusOf(await schedules.get("s")), "paused");
});

Deno.test("jitter spreads the starts, not the ticks", async () => {
  await using test = await TestJobd.open({ now: START });
  for (let number = 0; number < 20; number++) {
    await test.jobd.schedules.create(`s${number}`, {
      cron: "0 * * * *",
      job: { type: "report" },
      jitter: "10m",
    });
  }
  await test.clock.advance("1h");
  const delays = test.enqueued().map(({ runAt }) => runAt - Date.parse(START) - HOUR);
  assert.equal(delays.length, 20);
  assert.ok(delays.every((delay) => delay >= 0 && delay < 10 * MINUTE), `${delays}`);
  assert.ok(new Set(delays).size > 15, `${delays}`);
});
