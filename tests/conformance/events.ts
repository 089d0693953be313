import assert from "node:assert/strict";
import type { JobdEvent, NewEvent } from "../../src/domain/event.ts";
import { turn } from "../../src/domain/clock.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { type Chapter, MINUTE, T } from "./world.ts";

/** The n-th event of a test, a minute after the one before. */
function event(n: number): NewEvent {
  return {
    kind: "job.dead",
    at: T + n * MINUTE,
    namespace: "default",
    queue: "q",
    jobId: `job ${n}`,
    type: "t",
    attempt: n,
    state: "dead",
    error: { code: "error", message: `ä 😀 "${n}"` },
  };
}

const events = (from: number, to: number): NewEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => event(from + index));

const attempts = (list: JobdEvent[]): unknown[] =>
  list.map((each) => "attempt" in each ? each.attempt : each.kind);

/** Prunes to the end. */
async function prune(driver: Driver, before: number, keep = 1_000): Promise<void> {
  const day = 86_400_000;
  const retention = { completed: day, cancelled: day, expired: day, dead: day };
  let cursor: string | undefined;
  do {
    const step = { now: T, retention, limit: 2, events: { before, keep } };
    cursor = (await driver.prune({ ...step, ...(cursor === undefined ? {} : { cursor }) })).cursor;
  } while (cursor !== undefined);
}

/** All of the watchers once everybody knows of those that were saved. */
async function knownWatchers(driver: Driver, lagMs: number): Promise<unknown[]> {
  await new Promise((resolve) => setTimeout(resolve, lagMs));
  return await driver.watchers();
}

export const eventsChapter: Chapter = {
  "events are given back as they were told, in order, on every connection": async (w) => {
    const other = await w.reopen();
    assert.deepEqual(await w.driver.eventSpan(), { first: 0, last: 0 });
    assert.deepEqual(await w.driver.eventsAfter(0, 10), []);
    await w.driver.publish([]);
    await w.driver.publish(events(1, 3));
    await other.publish([{ kind: "queue.paused", at: T, namespace: "other", queue: "mails" }]);
    const all = await w.driver.eventsAfter(0, 10);
    assert.deepEqual(all, await other.eventsAfter(0, 10));
    assert.deepEqual(all.map(({ id: _, ...rest }) => rest), [
      ...events(1, 3),
      { kind: "queue.paused", at: T, namespace: "other", queue: "mails" },
    ]);
    const ids = all.map(({ id }) => id);
    assert.deepEqual(ids, ids.toSorted((a, b) => a - b));
    assert.deepEqual(await w.driver.eventSpan(), { first: ids[0], last: ids[3] });
    assert.deepEqual(attempts(await w.driver.eventsAfter(ids[0] ?? 0, 2)), [2, 3]);
    assert.deepEqual(await w.driver.eventsAfter(ids[3] ?? 0, 2), []);
  },
  "who goes on after the last event that it has seen misses none, whoever writes meanwhile": async (w) => {
    const writers = [w.driver, await w.reopen(), await w.reopen()];
    const reader = await w.reopen();
    const [batches, size] = [15, 4];
    let writing = writers.length;
    const written = writers.map(async (writer, number) => {
      for (let batch = 0; batch < batches; batch++) {
        const from = (number * batches + batch) * size;
        await writer.publish(events(from + 1, from + size));
      }
      writing--;
    });
    const seen: JobdEvent[] = [];
    for (let last = false; !last;) {
      last = writing === 0;
      await turn();
      const more = await reader.eventsAfter(seen.at(-1)?.id ?? 0, 7);
      seen.push(...more);
      if (more.length > 0) last = false;
    }
    await Promise.all(written);
    const expected = Array.from({ length: writers.length * batches * size }, (_, index) => index + 1);
    assert.deepEqual((attempts(seen) as number[]).toSorted((a, b) => a - b), expected);
  },
  "events are heard of on every connection": async (w) => {
    for (const listening of [w.driver, await w.reopen()]) {
      const { promise, resolve } = Promise.withResolvers<void>();
      await using _listener = await listening.listen((wake) => {
        if (wake === "event" || wake === "any") resolve();
      });
      await w.driver.publish([event(1)]);
      await promise;
    }
  },
  "watchers are kept, replaced and removed, and known to all after the time that was said": async (w) => {
    const other = await w.reopen();
    assert.deepEqual([await w.driver.watchers(), await other.watchers()], [[], []]);
    const wants = [{ namespace: "default", kinds: ["job.dead" as const], jobs: ["ä"] }];
    const first = { id: "a", wants, expiresAt: T + MINUTE };
    const second = { id: "b", wants: [], expiresAt: T };
    await other.saveWatcher(second);
    await w.driver.saveWatcher({ ...first, wants: [] });
    const lagMs = await w.driver.saveWatcher(first);
    assert.deepEqual(await w.driver.watchers(), [first, second]);
    assert.deepEqual(await knownWatchers(other, lagMs), [first, second]);
    await w.driver.removeWatcher("b");
    await w.driver.removeWatcher("unknown");
    assert.deepEqual(await knownWatchers(other, lagMs), [first]);
  },
  "old events and expired watchers are pruned; the last event stays, and its id is not used again": async (
    w,
  ) => {
    await w.driver.publish(events(1, 50));
    await w.driver.saveWatcher({ id: "dead", wants: [], expiresAt: T });
    const lagMs = await w.driver.saveWatcher({ id: "alive", wants: [], expiresAt: T + 1 });
    const retention = { completed: 0, cancelled: 0, expired: 0, dead: 0 };
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      cursor = (await w.driver.prune({
        now: T + MINUTE,
        retention,
        limit: 10,
        ...(cursor === undefined ? {} : { cursor }),
      })).cursor;
    }
    assert.equal((await w.driver.eventsAfter(0, 100)).length, 50, "nothing was said about events");
    await prune(w.driver, T + 4 * MINUTE);
    assert.deepEqual(attempts(await w.driver.eventsAfter(0, 2)), [4, 5]);
    assert.deepEqual((await knownWatchers(w.driver, lagMs)).map((each) => (each as { id: string }).id), [
      "alive",
    ]);
    await prune(w.driver, T, 3);
    assert.deepEqual(attempts(await w.driver.eventsAfter(0, 100)), [48, 49, 50]);
    await prune(w.driver, T + 1_000 * MINUTE);
    const [last] = await w.driver.eventsAfter(0, 100);
    assert.ok(last);
    assert.deepEqual(await w.driver.eventSpan(), { first: last.id, last: last.id });
    await w.driver.publish([event(51)]);
    assert.deepEqual(attempts(await w.driver.eventsAfter(last.id, 10)), [51]);
    await prune(w.driver, T + 1_000 * MINUTE);
    assert.deepEqual(attempts(await w.driver.eventsAfter(0, 10)), [51]);
  },
};
