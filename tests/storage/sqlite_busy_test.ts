import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { SqliteFolder } from "./sqlite_folder.ts";

/** Holds the write lock of a file until disposed, as another process would. */
function holdLock(path: string): Disposable {
  const db = new DatabaseSync(path);
  db.exec("begin immediate");
  return {
    [Symbol.dispose]() {
      db.exec("rollback");
      db.close();
    },
  };
}

Deno.test("sqlite: a write waits for another process without holding up the event loop", async () => {
  await using folder = new SqliteFolder();
  let pauses = 0;
  let onPause = (): void => {};
  const driver = await folder.openMigrated({
    after(_ms, fn) {
      pauses += 1;
      onPause();
      const timer = setTimeout(fn, 1);
      return () => clearTimeout(timer);
    },
  });
  const lock = holdLock(folder.file());
  const insert = driver.insert(folder.jobs(3));
  // Each pause is a turn of the event loop in which other work goes on, reads of the store too.
  await new Promise<void>((resolve) => onPause = () => pauses >= 5 && resolve());
  assert.deepEqual(await driver.list({ namespace: "default", limit: 10 }), { items: [] });
  lock[Symbol.dispose]();
  assert.equal((await insert).length, 3);
});

Deno.test("sqlite: the renewal of leases passes writes that wait for a lock", async () => {
  await using folder = new SqliteFolder();
  const paused: (() => void)[] = [];
  const driver = await folder.openMigrated({
    after(_ms, fn) {
      paused.push(fn);
      return () => {};
    },
  });
  const lock = holdLock(folder.file());
  const insert = driver.insert(folder.jobs(1));
  while (paused.length < 1) await new Promise((resolve) => setTimeout(resolve, 0));
  const extend = driver.extend("w", 1, []);
  while (paused.length < 2) await new Promise((resolve) => setTimeout(resolve, 0));
  lock[Symbol.dispose]();
  paused[1]?.();
  assert.deepEqual(await extend, []);
  assert.deepEqual(await driver.list({ namespace: "default", limit: 10 }), { items: [] });
  paused[0]?.();
  assert.equal((await insert).length, 1);
});

Deno.test("sqlite: a lock that is never given up ends in a clear error, and the next call works again", async () => {
  await using folder = new SqliteFolder();
  let waited = 0;
  const driver = await folder.openMigrated({
    random: () => 0.5,
    after(ms, fn) {
      waited += ms;
      queueMicrotask(fn);
      return () => {};
    },
  });
  {
    using _lock = holdLock(folder.file());
    await assert.rejects(driver.insert(folder.jobs(1)), {
      code: "store_unavailable",
      message: /locked by another/,
    });
    assert.ok(waited >= 30_000);
  }
  assert.equal((await driver.insert(folder.jobs(1))).length, 1);
});

Deno.test("sqlite: closing ends a write that waits for a lock", async () => {
  await using folder = new SqliteFolder();
  const driver = await folder.openMigrated();
  using _lock = holdLock(folder.file());
  const insert = driver.insert(folder.jobs(1));
  const closed = driver.close();
  await assert.rejects(insert, { code: "store_unavailable" });
  await closed;
  await assert.rejects(driver.insert(folder.jobs(1)), { code: "store_unavailable", message: /closed/ });
});

Deno.test("sqlite: writes that were called before close are written", async () => {
  await using folder = new SqliteFolder();
  const driver = await folder.openMigrated();
  const inserts = Array.from({ length: 5 }, () => driver.insert(folder.jobs(1)));
  await Promise.all([...inserts, driver.close()]);
  const again = folder.open();
  assert.equal((await again.list({ namespace: "default", limit: 10 })).items.length, 5);
});
