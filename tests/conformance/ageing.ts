import assert from "node:assert/strict";
import type { Ageing } from "../../src/domain/ageing.ts";
import { addJobs, begin, finish, limit, next } from "./limits_world.ts";
import { type Chapter, MINUTE, SECOND, T } from "./world.ts";

/** Jobs of these queues gain a priority a minute. */
const AGEING: Ageing = new Map([["q", MINUTE], ["r", MINUTE]]);

export const ageingChapter: Chapter = {
  "a job counts for one priority more for each full step that it has waited": async (w) => {
    const [low = ""] = await w.addMany(1, { queue: "q" });
    const at = T + 5 * MINUTE;
    const [high = ""] = await w.addMany(1, { queue: "q", priority: 5, createdAt: at });
    const claim = { queues: ["q"], limit: 1, ageing: AGEING };
    assert.deepEqual(await w.claimIds({ ...claim, now: at - 1 }), [high], "not a step too early");
    const [next = ""] = await w.addMany(1, { queue: "q", priority: 5, createdAt: at });
    assert.deepEqual(await w.claimIds({ ...claim, now: at }), [low], "the first to come among equals");
    assert.deepEqual(await w.claimIds({ ...claim, now: at }), [next]);
  },
  "without ageing a low priority waits as long as there is a higher one": async (w) => {
    const [low] = await w.addMany(1, { queue: "s" });
    const high = await w.addMany(2, { queue: "s", priority: 1 });
    const later = { now: T + 1_000 * MINUTE, ageing: AGEING };
    assert.deepEqual(await w.claimIds({ ...later, limit: 2 }), high);
    assert.deepEqual(await w.claimIds(later), [low]);
  },
  "in one claim jobs of several priorities come in the order of what they count for": async (w) => {
    const add = (minutes: number, priority: number): Promise<string[]> =>
      w.addMany(2, { queue: "q", priority, createdAt: T + minutes * MINUTE });
    const [a, b] = await add(0, 0);
    const [c, d] = await add(3, 2);
    const [e, f] = await add(4, 9);
    const [g, h] = await add(9, 0);
    const order = [e, f, a, b, c, d, g, h];
    const now = T + 10 * MINUTE;
    assert.deepEqual(await w.claimIds({ queues: ["q"], limit: 3, now, ageing: AGEING }), order.slice(0, 3));
    assert.deepEqual(await w.claimIds({ queues: ["q"], limit: 100, now, ageing: AGEING }), order.slice(3));
  },
  "with all queues what has aged goes before higher priorities of queues that do not age": async (w) => {
    const [old] = await w.addMany(1, { queue: "q" });
    const [urgent] = await w.addMany(1, { queue: "other", priority: 6 });
    const usual = await w.addMany(2, { queue: "other", priority: 4 });
    const [least] = await w.addMany(1, { queue: "other", priority: -1 });
    const now = T + 5 * MINUTE;
    const [fresh] = await w.addMany(1, { queue: "r", createdAt: now });
    const order = [urgent, old, ...usual, fresh, least];
    for (const id of order) assert.deepEqual(await w.claimIds({ limit: 1, now, ageing: AGEING }), [id]);
  },
  "queues that are named in an order keep it": async (w) => {
    const [old] = await w.addMany(1, { queue: "q" });
    const [first] = await w.addMany(1, { queue: "first", priority: -9 });
    const now = T + 90 * MINUTE;
    assert.deepEqual(await w.claimIds({ queues: ["first", "q"], now, ageing: AGEING }), [first, old]);
  },
  "jobs of one priority stay in the order of their arrival, whenever they were due": async (w) => {
    const [later] = await w.addMany(1, { queue: "q", createdAt: T + 9 * MINUTE });
    const [earlier] = await w.addMany(1, { queue: "q", createdAt: T });
    const [high] = await w.addMany(1, { queue: "q", priority: 3, createdAt: T + 9 * MINUTE });
    const claim = { queues: ["q"], now: T + 9 * MINUTE, ageing: AGEING };
    assert.deepEqual(await w.claimIds(claim), [high, later, earlier]);
  },
  "a delayed job ages from the time for which it was meant": async (w) => {
    const [delayed] = await w.addMany(1, { queue: "q", runAt: T + 10 * MINUTE });
    const at = T + 11 * MINUTE;
    await w.driver.promote(at, 10);
    const [high] = await w.addMany(1, { queue: "q", priority: 2, createdAt: at });
    assert.deepEqual(await w.claimIds({ queues: ["q"], limit: 1, now: at, ageing: AGEING }), [high]);
    const [higher] = await w.addMany(1, { queue: "q", priority: 2, createdAt: at + MINUTE });
    const later = { queues: ["q"], now: at + MINUTE, ageing: AGEING };
    assert.deepEqual(await w.claimIds({ ...later, limit: 1 }), [delayed]);
    assert.deepEqual(await w.claimIds(later), [higher]);
  },
  "jobs of other types and of paused queues do not stand in the way": async (w) => {
    await w.addMany(3, { queue: "q", type: "other" });
    const [mine] = await w.addMany(1, { queue: "q" });
    const [high] = await w.addMany(1, { queue: "q", priority: 1, createdAt: T + MINUTE });
    await w.addMany(1, { queue: "r" });
    await w.driver.updateQueue({ namespace: "default", name: "r", at: T, pausedAt: T });
    const claim = { types: ["test"], now: T + MINUTE, ageing: AGEING };
    assert.deepEqual(await w.claimIds(claim), [mine, high]);
    assert.deepEqual(await w.claimIds(claim), []);
  },
  "a claim that goes on where the last one stopped sees how time has passed": async (w) => {
    const low = await w.addMany(40, { queue: "q" });
    const high = await w.addMany(40, { queue: "q", priority: 1, createdAt: T });
    const steady = await w.addMany(40, { queue: "other", priority: 2 });
    const claim = (minutes: number, limit: number): Promise<string[]> =>
      w.claimIds({ limit, now: T + minutes * MINUTE, ageing: AGEING });
    assert.deepEqual(await claim(0, 10), steady.slice(0, 10));
    assert.deepEqual(await claim(1, 10), high.slice(0, 10));
    assert.deepEqual(await claim(1, 25), high.slice(10, 35));
    assert.deepEqual(await claim(3, 10), [...high.slice(35), ...low.slice(0, 5)]);
    assert.deepEqual(await claim(3, 100), [...low.slice(5), ...steady.slice(10)]);
  },
  "several who claim at once get each job once and leave none": async (w) => {
    const second = await w.reopen();
    const ids = (await Promise.all(
      [0, 1, 2].map((priority) => w.addMany(100, { queue: "q", priority, createdAt: T - priority * SECOND })),
    )).flat();
    const got: string[] = [];
    const claimAll = async (worker: string, driver = w.driver): Promise<void> => {
      for (let empty = 0; empty < 3;) {
        const request = { worker, queues: ["q"], limit: 7, now: T + MINUTE, ageing: AGEING };
        const { jobs } = await w.claim(request, driver);
        got.push(...jobs.map(({ id }) => id));
        empty = jobs.length === 0 ? empty + 1 : 0;
      }
    };
    await Promise.all([claimAll("a"), claimAll("b"), claimAll("c", second), claimAll("d", second)]);
    assert.deepEqual(got.toSorted(), ids.toSorted());
  },
  "jobs that wait at a limit age too": async (w) => {
    await limit(w, { concurrency: 1 });
    const over = { queue: "q" };
    const [first = ""] = await addJobs(w, 1, undefined, { ...over, priority: 99 });
    const [old = ""] = await addJobs(w, 1, undefined, over);
    const at = T + 5 * MINUTE;
    const [mid = ""] = await addJobs(w, 1, undefined, { ...over, priority: 3, createdAt: at });
    const [high = ""] = await addJobs(w, 1, undefined, { ...over, priority: 6, createdAt: at });
    const other = await addJobs(w, 2, undefined, { queue: "s", priority: 4, createdAt: T });
    await begin(w, { now: at });
    const order: string[] = [];
    for (let running = first; running !== "";) {
      await finish(w, running, at);
      [running = ""] = await next(w, { limit: 1, now: at, ageing: AGEING });
      if (running !== "") order.push(running);
    }
    assert.deepEqual(order, [high, old, ...other, mid]);
  },
};
