import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import { Batcher } from "../../src/runtime/batcher.ts";

/** Lets timers and callbacks that are due run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function recording(fail: (items: number[]) => unknown = () => undefined, maxWeight = 100, lanes = 1) {
  const flushes: number[][] = [];
  const gate: (() => void)[] = [];
  const batcher = new Batcher<number, number>({
    maxWeight,
    lanes,
    flush: async (items) => {
      flushes.push(items);
      await new Promise<void>((resolve) => gate.push(resolve));
      const error = fail(items);
      if (error !== undefined) throw error;
      return items.map((item) => item * 10);
    },
  });
  const open = async (): Promise<void> => {
    while (gate.length === 0) await turn();
    gate.shift()?.();
  };
  return { batcher, flushes, open };
}

Deno.test("Batcher gathers what comes in one tick and while a flush is under way", async () => {
  const { batcher, flushes, open } = recording();
  const first = [batcher.add(1), batcher.add(2)];
  while (flushes.length === 0) await turn();
  const second = [batcher.add(3), batcher.add(4)];
  await open();
  assert.deepEqual(await Promise.all(first), [10, 20]);
  await open();
  assert.deepEqual(await Promise.all(second), [30, 40]);
  assert.deepEqual(flushes, [[1, 2], [3, 4]]);
  await batcher.idle();
});

Deno.test("Batcher gathers what comes in one turn of the event loop", async () => {
  const { batcher, flushes, open } = recording();
  const all = Promise.all([1, 2, 3].map(async (item) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return await batcher.add(item);
  }));
  await open();
  assert.deepEqual(await all, [10, 20, 30]);
  assert.deepEqual(flushes, [[1, 2, 3]]);
});

Deno.test("Batcher writes in as many lanes as it is told", async () => {
  const { batcher, flushes, open } = recording(undefined, 100, 2);
  const all = [batcher.add(1), batcher.add(2)];
  while (flushes.length < 1) await turn();
  all.push(batcher.add(3));
  while (flushes.length < 2) await turn();
  all.push(batcher.add(4));
  await turn();
  assert.deepEqual(flushes, [[1, 2], [3]]);
  for (let flush = 0; flush < 3; flush++) await open();
  assert.deepEqual(await Promise.all(all), [10, 20, 30, 40]);
  assert.deepEqual(flushes, [[1, 2], [3], [4]]);
});

Deno.test("Batcher keeps the weight of a flush within bounds, but always takes one", async () => {
  const { batcher, flushes, open } = recording(undefined, 2);
  const all = Promise.all([1, 2, 3].map((item) => batcher.add(item)));
  await open();
  await open();
  await all;
  assert.deepEqual(flushes, [[1, 2], [3]]);
});

Deno.test("Batcher writes one by one when a group fails, so that one bad item fails alone", async () => {
  const { batcher, flushes, open } = recording((items) => items.includes(2) ? new Error("bad 2") : undefined);
  const all = Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)));
  for (let call = 0; call < 4; call++) await open();
  const outcome = (await all).map((one) => one.status === "fulfilled" ? one.value : String(one.reason));
  assert.deepEqual(outcome, [10, "Error: bad 2", 30]);
  assert.deepEqual(flushes, [[1, 2, 3], [1], [2], [3]]);
});

Deno.test("Batcher fails the whole group when the store is away, because nothing is known about any item", async () => {
  const away = new JobdError("store_unavailable", "away");
  const { batcher, flushes, open } = recording(() => away);
  const all = Promise.allSettled([1, 2].map((item) => batcher.add(item)));
  await open();
  assert.ok((await all).every((one) => one.status === "rejected" && one.reason === away));
  assert.equal(flushes.length, 1);
});
