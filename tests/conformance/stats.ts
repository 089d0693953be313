import assert from "node:assert/strict";
import { foldsAt, type NewStat, type StatFold, type StatRow } from "../../src/domain/stat.ts";
import type { Driver, StatQuery } from "../../src/storage/driver.ts";
import { type Chapter, DAY, MINUTE, T, type World } from "./world.ts";

const HOUR = 60 * MINUTE;
/** A midnight. */
const START = Math.floor(T / DAY) * DAY;
const EVER = { namespace: "default", from: 0, to: START + 1_000 * DAY };

function stat(over: Partial<NewStat> = {}): NewStat {
  const row = { namespace: "default", queue: "q", type: "t", outcome: "completed", count: 1 };
  return { minute: START, ...row, wait: [0, 1], run: [2], ...over };
}

function row({ step = MINUTE, ...over }: Partial<StatRow> = {}): StatRow {
  return { ...stat(over), step };
}

async function stats(driver: Driver, query: Partial<StatQuery> = {}): Promise<StatRow[]> {
  const trim = (histogram: number[]): number[] =>
    histogram.slice(0, histogram.findLastIndex((count) => count > 0) + 1);
  return (await driver.stats({ ...EVER, ...query }))
    .map((one) => ({ ...one, wait: trim(one.wait), run: trim(one.run) }));
}

async function total(driver: Driver, query: Partial<StatQuery> = {}): Promise<number> {
  return (await driver.stats({ ...EVER, ...query })).reduce((sum, { count }) => sum + count, 0);
}

/** Puts together all that there is; gives how many rows were taken. */
export async function foldAll(driver: Driver, folds: readonly StatFold[], limit = 7): Promise<number> {
  let taken = 0;
  for (const fold of folds) {
    for (let last = limit; last === limit;) {
      last = await driver.foldStats(fold, limit);
      assert.ok(last <= limit);
      taken += last;
    }
  }
  return taken;
}

/** Three runs in each minute of some hours, as two workers write them. */
async function busyHours(w: World, hours: number): Promise<number> {
  const rows = Array.from({ length: hours * 60 }, (_, minute) => {
    const at = START + minute * MINUTE;
    return [stat({ minute: at }), stat({ minute: at, count: 2, wait: [0, 0, 2], run: [0, 2] })];
  });
  await w.driver.addStats(rows.flat());
  return hours * 180;
}

export const statsChapter: Chapter = {
  "they are added up by minute, namespace, queue, type and outcome, oldest first": async (w) => {
    await w.driver.addStats([stat({ minute: START + MINUTE }), stat({ outcome: "failed", count: 7 })]);
    await w.driver.addStats([
      stat({ count: 2, wait: [1, 1, 5], run: [] }),
      stat(),
      stat({ queue: "r" }),
      stat({ type: "u" }),
      stat({ namespace: "other" }),
    ]);
    assert.deepEqual(await stats(w.driver), [
      row({ count: 3, wait: [1, 2, 5] }),
      row({ outcome: "failed", count: 7 }),
      row({ type: "u" }),
      row({ queue: "r" }),
      row({ minute: START + MINUTE }),
    ]);
    assert.deepEqual(await stats(w.driver, { namespace: "other" }), [row({ namespace: "other" })]);
    assert.equal(await total(w.driver, { queue: "q" }), 12);
    assert.equal(await total(w.driver, { type: "u" }), 1);
    assert.equal(await total(w.driver, { queue: "r", type: "u" }), 0);
  },
  "they are told of from one instant up to another, with the minute in which that begins": async (w) => {
    await w.driver.addStats([0, 1, 2, 3].map((minute) => stat({ minute: START + minute * MINUTE })));
    const minutes = async (from: number, to: number): Promise<number[]> =>
      (await stats(w.driver, { from: START + from, to: START + to })).map(({ minute }) =>
        (minute - START) / MINUTE
      );
    assert.deepEqual(await minutes(MINUTE, 3 * MINUTE), [1, 2]);
    assert.deepEqual(await minutes(MINUTE + 1, 3 * MINUTE + 1), [1, 2, 3]);
    assert.deepEqual(await minutes(5 * MINUTE, 9 * MINUTE), []);
    await w.driver.addStats([]);
    assert.equal(await total(w.driver), 4);
  },
  "putting them together changes neither sums nor histograms": async (w) => {
    const count = await busyHours(w, 2);
    const before = START + 90 * MINUTE;
    assert.equal(await foldAll(w.driver, [{ from: 0, to: MINUTE, before }]), 180);
    const rows = await stats(w.driver);
    assert.equal(rows.length, 120);
    assert.equal(await total(w.driver), count);
    assert.deepEqual(rows[0], row({ count: 3, wait: [0, 1, 2], run: [2, 2] }));
    assert.equal(await w.driver.foldStats({ from: 0, to: MINUTE, before }, 1_000), 0);
    await foldAll(w.driver, [{ from: 0, to: MINUTE, before: EVER.to }, {
      from: MINUTE,
      to: HOUR,
      before: EVER.to,
    }]);
    const hour = { step: HOUR, count: 180, wait: [0, 60, 120], run: [120, 120] };
    assert.deepEqual(await stats(w.driver), [row(hour), row({ ...hour, minute: START + HOUR })]);
    await foldAll(w.driver, [{ from: HOUR, to: DAY, before: EVER.to }]);
    assert.deepEqual(await stats(w.driver), [
      row({ step: DAY, count: 360, wait: [0, 120, 240], run: [240, 240] }),
    ]);
  },
  "what is coarser is told of whole, from where it begins": async (w) => {
    await busyHours(w, 3);
    await foldAll(w.driver, [
      { from: 0, to: MINUTE, before: EVER.to },
      { from: MINUTE, to: HOUR, before: START + 2 * HOUR },
    ]);
    const found = await stats(w.driver, { from: START + 90 * MINUTE, to: START + 122 * MINUTE });
    assert.deepEqual(found.map(({ minute, step }) => [(minute - START) / MINUTE, step / MINUTE]), [
      [60, 60],
      [120, 1],
      [121, 1],
    ]);
    assert.deepEqual(await stats(w.driver, { from: START + 2 * HOUR, to: START + 2 * HOUR }), []);
  },
  "what comes late, for an hour that is put together already, is not lost": async (w) => {
    await busyHours(w, 1);
    const folds = foldsAt(START + 5 * DAY, 100 * DAY);
    await foldAll(w.driver, folds);
    await w.driver.addStats([stat({ minute: START + 5 * MINUTE })]);
    assert.equal(await total(w.driver), 181);
    assert.equal(await foldAll(w.driver, folds), 2, "once to a minute, once to its hour");
    assert.deepEqual((await stats(w.driver)).map(({ count, step }) => [count, step]), [[181, HOUR]]);
  },
  "namespaces, queues, types and outcomes are put together apart": async (w) => {
    const kinds = [{}, { namespace: "other" }, { queue: "r" }, { type: "u" }, { outcome: "failed" }];
    for (const minute of [START, START + MINUTE]) {
      await w.driver.addStats(kinds.map((kind) => stat({ minute, ...kind })));
    }
    await foldAll(w.driver, foldsAt(START + 4 * DAY, 100 * DAY), 1_000);
    assert.deepEqual((await stats(w.driver)).map(({ count }) => count), [2, 2, 2, 2]);
    assert.deepEqual((await stats(w.driver, { namespace: "other" })).map(({ count }) => count), [2]);
  },
  "by their age they are by the minute, the hour, the day, and gone": async (w) => {
    const now = START + 400 * DAY + 90 * MINUTE;
    const ages = [5 * MINUTE, DAY, 3 * DAY, 89 * DAY, 91 * DAY, 364 * DAY, 366 * DAY, 400 * DAY];
    const minutes = ages.map((age) => Math.floor((now - age) / MINUTE) * MINUTE);
    await w.driver.addStats(minutes.map((minute) => stat({ minute })));
    await foldAll(w.driver, foldsAt(now, 365 * DAY));
    assert.deepEqual((await stats(w.driver)).map(({ step }) => step), [DAY, DAY, HOUR, HOUR, MINUTE, MINUTE]);
    assert.equal(await foldAll(w.driver, foldsAt(now, 365 * DAY)), 0, "nothing is left to do");
    await foldAll(w.driver, foldsAt(now + 364 * DAY + HOUR, 365 * DAY));
    assert.equal(await total(w.driver), 1, "that of the last minutes is not a year old");
    await foldAll(w.driver, foldsAt(now + 366 * DAY, 365 * DAY));
    assert.deepEqual(await stats(w.driver), []);
  },
  "at most so many rows are taken at once, the oldest first": async (w) => {
    await w.driver.addStats([3, 1, 2, 0].map((minute) => stat({ minute: START + minute * MINUTE })));
    assert.equal(await w.driver.foldStats({ from: 0, to: null, before: EVER.to }, 3), 3);
    assert.deepEqual((await stats(w.driver)).map(({ minute }) => minute), [START + 3 * MINUTE]);
    assert.equal(await w.driver.foldStats({ from: 0, to: null, before: START + 3 * MINUTE }, 3), 0);
    assert.equal(await w.driver.foldStats({ from: MINUTE, to: null, before: EVER.to }, 3), 0);
  },
  "at every moment each run is counted once, while several put them together and others write": async (w) => {
    const nodes = [w.driver, await w.reopen(), await w.reopen()];
    // A store in this process answers without a pause: nobody else would have a turn.
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
    let written = await busyHours(w, 4);
    let begun = written;
    let busy = true;
    const folds: StatFold[] = [
      { from: 0, to: MINUTE, before: EVER.to },
      { from: MINUTE, to: HOUR, before: EVER.to },
      { from: HOUR, to: DAY, before: EVER.to },
    ];
    const fold = async (driver: Driver): Promise<void> => {
      for (; busy; await pause()) for (const one of folds) await driver.foldStats(one, 50);
    };
    const write = async (): Promise<void> => {
      for (let n = 0; n < 40; n++, await pause()) {
        begun++;
        await w.driver.addStats([stat({ minute: START + n * MINUTE })]);
        written++;
      }
      busy = false;
    };
    const read = async (driver: Driver): Promise<void> => {
      for (; busy; await pause()) {
        const least = written;
        const found = await total(driver);
        assert.ok(found >= least && found <= begun, `${found} runs where there are ${least}`);
      }
    };
    await Promise.all([write(), ...nodes.map(fold), read(nodes[1] as Driver)]);
    await foldAll(w.driver, folds, 1_000);
    assert.equal(await total(w.driver), written);
    assert.deepEqual((await stats(w.driver)).map(({ step }) => step), [DAY]);
  },
};
