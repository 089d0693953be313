import assert from "node:assert/strict";
import {
  HISTORY_MAX,
  type NewTickRecord,
  type Schedule,
  type ScheduleSpec,
} from "../../src/domain/schedule.ts";
import { newSchedule } from "../../src/domain/schedule_change.ts";
import { tickEvents } from "../../src/domain/schedule_events.ts";
import type { Driver, TickCommit } from "../../src/storage/driver.ts";
import { type Chapter, done, idOf, MINUTE, T, type World } from "./world.ts";

const SPEC: ScheduleSpec = { everyMs: MINUTE, missed: "latest", overlap: "allow", job: { type: "test" } };

/** A schedule with a tick each minute, made at T. */
function made(name: string, over: Partial<Schedule> = {}): Schedule {
  const given = { id: `id of ${name}`, namespace: "default", name, spec: SPEC, source: "operator" as const };
  return { ...newSchedule(given, T), ...over };
}

async function add(w: World, name: string, over: Partial<Schedule> = {}): Promise<Schedule> {
  const schedule = made(name, over);
  assert.equal(await w.driver.saveSchedule({ schedule, seen: null, records: [], events: [] }), true);
  return await read(w.driver, name);
}

async function read(driver: Driver, name: string): Promise<Schedule> {
  const [schedule] = await driver.schedules({ namespace: "default", names: [name], limit: 1 });
  assert.ok(schedule, `there is no ${name}`);
  return schedule;
}

/** A commit that makes one job of the next tick, as a scheduler does it. */
function tick(w: World, schedule: Schedule, over: Partial<TickCommit> = {}): TickCommit {
  const at = schedule.state.nextTick ?? T;
  const job = w.make({ createdAt: at, runAt: at });
  const records: NewTickRecord[] = [{ tick: at, at, outcome: "started", jobId: job.id }];
  const state = { ...schedule.state, lastTick: at, nextTick: at + MINUTE, lastJobId: job.id };
  return {
    id: schedule.id,
    version: schedule.version,
    set: { state, nextAt: at + MINUTE, pausedAt: null, pauseReason: null },
    jobs: [job],
    records,
    events: tickEvents(schedule, records),
    ...over,
  };
}

export const schedulesChapter: Chapter = {
  "a schedule is written once under its name, and read as it was written": async (w) => {
    const schedule = await add(w, "a", { declared: SPEC, source: "code", pauseReason: "ä 😀" });
    assert.deepEqual(schedule, { ...made("a"), declared: SPEC, source: "code", pauseReason: "ä 😀" });
    const twin = { ...made("a"), id: "another" };
    assert.equal(await w.driver.saveSchedule({ schedule: twin, seen: null, records: [], events: [] }), false);
    await add(w, "b");
    const elsewhere = { ...made("a"), id: "elsewhere", namespace: "other" };
    assert.equal(
      await w.driver.saveSchedule({ schedule: elsewhere, seen: null, records: [], events: [] }),
      true,
    );
    const names = async (query: { after?: string; limit: number; names?: string[] }): Promise<string[]> =>
      (await w.driver.schedules({ namespace: "default", ...query })).map(({ name }) => name);
    await add(w, "B");
    assert.deepEqual(await names({ limit: 10 }), ["B", "a", "b"]);
    assert.deepEqual(await names({ limit: 1, after: "B" }), ["a"]);
    assert.deepEqual(await names({ limit: 10, names: ["b", "c"] }), ["b"]);
  },
  "a change applies only to the version that was read": async (w) => {
    const before = await add(w, "a");
    const schedule = { ...before, spec: { ...SPEC, everyMs: 2 * MINUTE }, revision: 2 };
    const save = { schedule, seen: before.version, records: [], events: [] };
    assert.equal(await w.driver.saveSchedule(save), true);
    assert.equal(await w.driver.saveSchedule(save), false);
    assert.deepEqual(await read(w.driver, "a"), { ...schedule, version: 2 });
    await w.driver.removeSchedule({ namespace: "default", name: "a" });
    assert.equal(await w.driver.saveSchedule({ ...save, seen: 2 }), false);
  },
  "schedules are due by time, and the next time is known": async (w) => {
    const due = (now: number, limit = 10) => w.driver.dueSchedules({ namespace: "default", now, limit });
    assert.deepEqual(await due(T), { schedules: [], jobs: [], nextAt: null });
    await add(w, "later", { nextAt: T + 3 * MINUTE });
    await add(w, "b", { nextAt: T + MINUTE });
    await add(w, "a", { nextAt: T + MINUTE });
    await add(w, "never", { nextAt: null });
    assert.deepEqual(await due(T + MINUTE - 1), { schedules: [], jobs: [], nextAt: T + MINUTE });
    const found = await due(T + MINUTE);
    assert.deepEqual(found.schedules.map(({ name }) => name), ["a", "b"]);
    assert.equal(found.nextAt, T + MINUTE);
    assert.deepEqual((await due(T + MINUTE, 1)).schedules.map(({ name }) => name), ["a"]);
    const named = await w.driver.dueSchedules({
      namespace: "default",
      now: T,
      limit: 9,
      names: ["never", "b"],
    });
    assert.deepEqual(named.schedules.map(({ name }) => name), ["b", "never"]);
    assert.deepEqual(
      (await w.driver.dueSchedules({ namespace: "other", now: T + MINUTE, limit: 9 })).schedules,
      [],
    );
  },
  "with a schedule come the states of the jobs it waits for": async (w) => {
    const running = await w.start();
    const over = await w.finish(done);
    const open = [running.id, over.id, idOf(999)].map((id) => ({ id, tick: T }));
    const { state } = made("a");
    await add(w, "a", { nextAt: T, state: { ...state, open } });
    const { jobs } = await w.driver.dueSchedules({ namespace: "default", now: T, limit: 9 });
    assert.deepEqual(
      new Map(jobs.map(({ id, state }) => [id, state])),
      new Map([[running.id, "running"], [over.id, "completed"]]),
    );
  },
  "a tick is written with its job, its history and its events, by whoever comes first": async (w) => {
    const schedule = await add(w, "a");
    const [one, two] = [tick(w, schedule), tick(w, schedule)];
    assert.deepEqual(await w.driver.commitTicks([one]), [{
      applied: true,
      jobs: [{ id: one.jobs[0]?.id, outcome: "created", state: "available" }],
    }]);
    assert.deepEqual(await w.driver.commitTicks([two]), [{ applied: false, jobs: [] }]);
    assert.deepEqual(await w.driver.commitTicks([one]), [{ applied: false, jobs: [] }], "a repeated call");
    assert.deepEqual(await w.driver.get(two.jobs.map(({ id }) => id)), []);
    const after = await read(w.driver, "a");
    assert.deepEqual([after.version, after.nextAt, after.state.entries], [2, T + 2 * MINUTE, 1]);
    const [record, ...others] = await w.driver.ticks({ scheduleId: schedule.id, limit: 9 });
    assert.deepEqual(record, { number: 1, ...one.records[0] });
    assert.deepEqual(others, []);
    const [event, ...more] = await w.driver.eventsAfter(0, 9);
    assert.deepEqual(event, { id: event?.id, ...one.events[0] });
    assert.deepEqual(more, []);
    assert.equal((await w.claimOne({ now: T + MINUTE })).id, one.jobs[0]?.id);
  },
  "of many commits each applies by itself; the answers are in their order": async (w) => {
    const schedules = [];
    for (const name of ["c", "a", "b"]) schedules.push(await add(w, name));
    const stale = { ...tick(w, schedules[1] as Schedule), version: 7 };
    const unknown = { ...tick(w, schedules[1] as Schedule), id: "nobody" };
    const commits = [tick(w, schedules[0] as Schedule), stale, unknown, tick(w, schedules[2] as Schedule)];
    const results = await w.driver.commitTicks(commits);
    assert.deepEqual(results.map(({ applied, jobs }) => [applied, jobs.length]), [
      [true, 1],
      [false, 0],
      [false, 0],
      [true, 1],
    ]);
    assert.deepEqual(await w.driver.commitTicks([]), []);
  },
  "a job that is there already is not made again": async (w) => {
    const schedule = await add(w, "a");
    const commit = tick(w, schedule);
    await w.driver.insert(commit.jobs);
    const [result] = await w.driver.commitTicks([commit]);
    assert.deepEqual(result?.jobs.map(({ outcome }) => outcome), ["existing"]);
    const [record] = await w.driver.ticks({ scheduleId: schedule.id, limit: 1 });
    assert.equal(record?.outcome, "started");
  },
  "a job whose unique key is held: the history says so": async (w) => {
    const schedule = await add(w, "a");
    const holder = await w.add({ options: { uniqueKey: "k" } });
    const commit = tick(w, schedule);
    const jobs = commit.jobs.map((job) => ({ ...job, options: { uniqueKey: "k" } }));
    const [result] = await w.driver.commitTicks([{ ...commit, jobs }]);
    assert.deepEqual(result?.jobs.map(({ id, outcome }) => [id, outcome]), [[holder.id, "existing"]]);
    const [record] = await w.driver.ticks({ scheduleId: schedule.id, limit: 1 });
    assert.deepEqual([record?.outcome, record?.reason, record?.jobId], ["skipped", "unique", holder.id]);
  },
  "all that is written together is written, or none of it": async (w) => {
    const schedule = await add(w, "a");
    const unique = { key: "k", onConflict: "fail" as const };
    await w.add({ options: { unique } });
    const commit = tick(w, schedule);
    const jobs = [...commit.jobs, w.make({ options: { unique } })];
    await assert.rejects(w.driver.commitTicks([{ ...commit, jobs }]), { code: "conflict" });
    assert.deepEqual(await read(w.driver, "a"), schedule);
    assert.deepEqual(await w.driver.get(commit.jobs.map(({ id }) => id)), []);
    assert.deepEqual(await w.driver.ticks({ scheduleId: schedule.id, limit: 1 }), []);
  },
  "jobs of the future wait for their time": async (w) => {
    const schedule = await add(w, "a");
    const commit = tick(w, schedule);
    const jobs = commit.jobs.map((job) => ({ ...job, runAt: job.createdAt + MINUTE }));
    const [result] = await w.driver.commitTicks([{ ...commit, jobs }]);
    assert.deepEqual(result?.jobs.map(({ state }) => state), ["scheduled"]);
    assert.deepEqual(await w.driver.promote(T + 2 * MINUTE, 9), { promoted: 1, nextDueAt: null });
  },
  "of the history the latest entries are kept": async (w) => {
    const schedule = await add(w, "a");
    const records = (count: number): NewTickRecord[] =>
      Array.from({ length: count }, (_, at) => ({ tick: T + at, at: T, outcome: "emitted" }));
    const commit = async (count: number): Promise<void> => {
      const now = await read(w.driver, "a");
      const given = tick(w, now, { jobs: [], records: records(count), events: [] });
      await w.driver.commitTicks([{ ...given, set: { ...given.set, state: now.state } }]);
    };
    for (const count of [3, HISTORY_MAX - 1, 2 * HISTORY_MAX, 1]) await commit(count);
    const kept = await w.driver.ticks({ scheduleId: schedule.id, limit: 1_000 });
    assert.equal((await read(w.driver, "a")).state.entries, 3 * HISTORY_MAX + 3);
    assert.deepEqual(
      kept.map(({ number }) => number),
      Array.from({ length: HISTORY_MAX }, (_, at) => 3 * HISTORY_MAX + 3 - at),
    );
    const page = await w.driver.ticks({ scheduleId: schedule.id, before: kept[1]?.number ?? 0, limit: 2 });
    assert.deepEqual(page.map(({ number }) => number), [kept[2]?.number, kept[3]?.number]);
  },
  "a schedule goes with its history, and leaves its jobs": async (w) => {
    const schedule = await add(w, "a");
    const commit = tick(w, schedule);
    await w.driver.commitTicks([commit]);
    assert.equal(await w.driver.removeSchedule({ namespace: "default", name: "a" }), true);
    assert.equal(await w.driver.removeSchedule({ namespace: "default", name: "a" }), false);
    assert.deepEqual(await w.driver.ticks({ scheduleId: schedule.id, limit: 9 }), []);
    assert.equal((await w.driver.get(commit.jobs.map(({ id }) => id))).length, 1);
    const late = tick(w, schedule, { version: 2 });
    assert.deepEqual(await w.driver.commitTicks([late]), [{ applied: false, jobs: [] }]);
  },
  "entries and events are stored with a change": async (w) => {
    const before = await add(w, "a");
    const records: NewTickRecord[] = [{ tick: T, at: T, outcome: "skipped", reason: "paused" }];
    const save = { schedule: before, seen: before.version, records, events: tickEvents(before, records) };
    await w.driver.saveSchedule(save);
    assert.deepEqual(await w.driver.ticks({ scheduleId: before.id, limit: 9 }), [{
      number: 1,
      ...records[0],
    }]);
    assert.deepEqual((await w.driver.eventsAfter(0, 9)).map(({ kind }) => kind), ["schedule.skipped"]);
    assert.equal((await read(w.driver, "a")).state.entries, 1);
  },
  "many schedulers on one store: each tick is written once": async (w) => {
    for (let number = 0; number < 20; number++) await add(w, `s${number}`);
    const drivers = await Promise.all([1, 2, 3].map(() => w.reopen()));
    let made = 0;
    const work = async (driver: Driver): Promise<void> => {
      for (let now = T + MINUTE; now <= T + 5 * MINUTE; now += MINUTE) {
        for (;;) {
          const { schedules } = await driver.dueSchedules({ namespace: "default", now, limit: 7 });
          if (schedules.length === 0) break;
          const results = await driver.commitTicks(schedules.map((schedule) => tick(w, schedule)));
          made += results.filter(({ applied }) => applied).length;
        }
      }
    };
    await Promise.all(drivers.map(work));
    assert.equal(made, 20 * 5);
    assert.equal((await w.list()).length, 20 * 5);
    for (let number = 0; number < 20; number++) {
      const ticks = await w.driver.ticks({ scheduleId: `id of s${number}`, limit: 9 });
      assert.deepEqual(ticks.map((one) => (one.tick - T) / MINUTE), [5, 4, 3, 2, 1]);
    }
  },
};
