import assert from "node:assert/strict";
import type { Wake } from "../../src/storage/driver.ts";
import { SqliteFolder } from "./sqlite_folder.ts";

Deno.test("sqlite: processes that share a file run every job once", async () => {
  await using folder = new SqliteFolder();
  const driver = await folder.openMigrated();
  const jobs = folder.jobs(600);
  await driver.insert(jobs);
  const drain = (id: string): Promise<string[]> => folder.child("sqlite_drain.ts", folder.file(), id, "3");
  const lines = (await Promise.all(["a", "b", "c"].map(drain))).flat();
  assert.deepEqual(lines.toSorted(), jobs.map(({ id }) => `${id} 1 applied`).toSorted());
  const ended = await driver.get(jobs.map(({ id }) => id));
  assert.ok(ended.every(({ state, attempt }) => state === "completed" && attempt === 1));
});

Deno.test("sqlite: twenty first starts at once make one schema", async () => {
  await using folder = new SqliteFolder();
  const starts = Array.from(
    { length: 20 },
    (_, n) => folder.child("sqlite_migrate.ts", folder.file(), String(n + 1)),
  );
  const failed = (await Promise.allSettled(starts)).filter(({ status }) => status === "rejected");
  assert.deepEqual(failed, []);
  const driver = folder.open();
  await driver.ready();
  const page = await driver.list({ namespace: "default", limit: 100 });
  assert.equal(page.items.length, 20);
  const facts = await driver.inspect();
  assert.deepEqual(facts.filter(({ level }) => level !== "ok"), []);
});

Deno.test("sqlite: a commit of another connection wakes the listeners, one's own says what happened", async () => {
  await using folder = new SqliteFolder();
  const here = await folder.openMigrated();
  const there = folder.open();
  const heard: Wake[] = [];
  let onHeard = (): void => {};
  const listener = await here.listen((wake) => {
    heard.push(wake);
    onHeard();
  });
  assert.equal(listener.live, true);
  await here.insert(folder.jobs(1));
  assert.deepEqual(heard, ["available"]);
  const next = new Promise<void>((resolve) => onHeard = resolve);
  await there.insert(folder.jobs(1));
  await next;
  assert.deepEqual(heard, ["available", "any"]);
  await listener[Symbol.asyncDispose]();
});

Deno.test("sqlite: a pause and a new queue are seen at once by a claim that remembers hundreds of queues", async () => {
  await using folder = new SqliteFolder();
  const here = await folder.openMigrated();
  const there = folder.open();
  const queued = folder.jobs(300).map((job, n) => ({ ...job, queue: `q${n}` }));
  await here.insert(queued);
  const now = 1_000;
  const request = {
    worker: "w",
    namespace: "default",
    queues: "all",
    types: "all",
    now,
    expiresAt: now + 1,
  } as const;
  const claim = async (limit: number): Promise<string[]> =>
    (await here.claim({ ...request, limit })).jobs.map(({ queue }) => queue);
  assert.deepEqual(await claim(1), ["q0"]);
  await there.updateQueue({ namespace: "default", name: "q1", at: now, pausedAt: now });
  assert.deepEqual(await claim(2), ["q2", "q3"]);
  await there.insert(folder.jobs(1, { queue: "new" }));
  const rest = await claim(1_000);
  assert.equal(rest.length, 297);
  assert.equal(rest.at(-1), "new");
  await there.updateQueue({ namespace: "default", name: "q1", at: now, pausedAt: null });
  assert.deepEqual(await claim(10), ["q1"]);
});
