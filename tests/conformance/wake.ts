import assert from "node:assert/strict";
import type { Job } from "../../src/domain/job.ts";
import type { Driver, Wake } from "../../src/storage/driver.ts";
import { type Chapter, done, MINUTE, released, T, type World } from "./world.ts";

/** Does something and waits until a wake-up of this kind (or one that may mean anything) was heard. */
async function heard(listening: Driver, wake: Wake, act: () => Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using listener = await listening.listen((got) => {
    if (got === wake || got === "any") resolve();
  });
  assert.equal(typeof listener.live, "boolean");
  await act();
  await promise;
}

function bothWays(test: (w: World, listening: Driver) => Promise<void>): (w: World) => Promise<void> {
  return async (w) => {
    await test(w, w.driver);
    await test(w, await w.reopen());
  };
}

export const wakeChapter: Chapter = {
  "jobs that arrive are heard on every connection": bothWays(async (w, listening) => {
    await heard(listening, "available", () => w.add());
  }),
  "delayed jobs are heard": bothWays(async (w, listening) => {
    await heard(listening, "scheduled", () => w.add({ runAt: T + MINUTE }));
  }),
  "jobs that become due or are handed back are heard": bothWays(async (w, listening) => {
    await w.add({ runAt: T + MINUTE });
    await heard(listening, "available", () => w.driver.promote(T + MINUTE, 10));
    const job = await w.claimOne();
    await heard(listening, "available", () => w.settle(job, released));
    await w.settle(await w.claimOne(), done);
  }),
  "a request to cancel is heard": bothWays(async (w, listening) => {
    const job = await w.start();
    await heard(listening, "cancel", () => w.amend(job, { kind: "requestCancel" }));
  }),
  "a job that is made available and a queue that is resumed are heard": bothWays(async (w, listening) => {
    const job = await w.add({ runAt: T + MINUTE });
    await heard(listening, "available", () => w.amend(job, { kind: "makeAvailable" }));
    await w.driver.updateQueue({ namespace: "default", name: "default", at: T, pausedAt: T });
    const resume = { namespace: "default", name: "default", at: T, pausedAt: null };
    await heard(listening, "available", () => w.driver.updateQueue(resume));
    await w.settle(await w.claimOne(), done);
  }),
  "a job that gets another time or another place is heard": bothWays(async (w, listening) => {
    const job = await w.add({ runAt: T + MINUTE });
    const set = (job: Job, runAt: number) => w.amend(job, { kind: "replace", set: { runAt } });
    await heard(listening, "scheduled", () => set(job, T + 2 * MINUTE));
    const later = await w.job(job.id);
    await heard(listening, "available", () => set(later, T));
    await w.settle(await w.claimOne(), done);
  }),
  "several listen at once, and one that is disposed hears nothing more": async (w) => {
    const wakes: string[] = [];
    const first = await w.driver.listen((wake) => wakes.push(`first ${wake}`));
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await heard(w.driver, "available", () => heard(w.driver, "available", () => w.add()));
    assert.deepEqual(wakes, []);
  },
};
