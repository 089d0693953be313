import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { JobdError } from "../../src/domain/errors.ts";
import { explain } from "../../src/storage/sqlite/errors.ts";
import { openSqlite } from "../../src/storage/sqlite/driver.ts";
import { MIGRATIONS } from "../../src/storage/sqlite/migrations.ts";
import { SqliteFolder } from "./sqlite_folder.ts";

const mode = async (path: string): Promise<number> => ((await Deno.stat(path)).mode ?? 0) & 0o777;

Deno.test("sqlite: the files are for their owner alone, and a wider mode is reported", async () => {
  await using folder = new SqliteFolder();
  const driver = await folder.openMigrated();
  await driver.insert(folder.jobs(1));
  for await (const { name } of Deno.readDir(folder.path)) {
    assert.equal(await mode(folder.file(name)), 0o600, name);
  }
  await Deno.chmod(folder.file(), 0o644);
  const warnings = (await driver.inspect()).filter(({ level }) => level !== "ok");
  assert.deepEqual(warnings.map(({ name, value, level }) => [name, value, level]), [[
    "file permissions",
    "0644",
    "warning",
  ]]);
});

Deno.test("sqlite: commits are durable: WAL with full synchronisation", async () => {
  await using folder = new SqliteFolder();
  const facts = new Map(
    (await (await folder.openMigrated()).inspect()).map(({ name, value }) => [name, value]),
  );
  assert.equal(facts.get("journal mode"), "wal");
  assert.equal(facts.get("synchronous"), "full");
  assert.equal(facts.get("quick check"), "ok");
});

Deno.test("sqlite: asking a store that is not there creates nothing", async () => {
  await using folder = new SqliteFolder();
  const driver = folder.open();
  await assert.rejects(driver.ready(), { code: "schema_missing", message: /jobd\.db/, hint: /jobd migrate/ });
  const { pending } = await driver.migrate({ dryRun: true });
  assert.deepEqual(pending.map(({ number }) => number), MIGRATIONS.map(({ number }) => number));
  for await (const { name } of Deno.readDir(folder.path)) assert.fail(`${name} was made`);
  await driver.migrate();
  assert.equal(typeof await driver.ready(), "number");
});

Deno.test("sqlite: a missing folder, a folder in place of the file, and no right to write are told apart", async () => {
  await using folder = new SqliteFolder();
  await assert.rejects(folder.open({}, "nowhere/jobd.db").migrate(), {
    code: "store_unusable",
    message: /folder .*nowhere\/jobd\.db does not exist/,
  });
  await Deno.mkdir(folder.file("folder"));
  await assert.rejects(folder.open({}, "folder").migrate(), {
    code: "store_unusable",
    message: /is a folder/,
  });
  const lines = await folder.child("sqlite_unprivileged.ts", folder.file());
  assert.deepEqual(lines, ["migrate permission_denied", "ready permission_denied"]);
});

Deno.test("sqlite: what the system and SQLite say about missing rights becomes one error", async () => {
  await using folder = new SqliteFolder();
  await (await folder.openMigrated()).close();
  const db = new DatabaseSync(folder.file(), { readOnly: true });
  const errors = [
    ...["EACCES", "EPERM", "EROFS"].map((code) => Object.assign(new Error("no"), { code })),
    thrownBy(() => db.prepare("delete from job").run()),
  ];
  db.close();
  for (const error of errors) {
    const explained = explain(error, "/data/jobd.db") as JobdError;
    assert.equal(explained.code, "permission_denied");
    assert.match(explained.message, /\/data\/jobd\.db cannot be written/);
    assert.match(explained.hint ?? "", /right to write/);
  }
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

for (const [what, damage] of Object.entries({ head: 0, middle: 6_000 })) {
  Deno.test(`sqlite: a file that is damaged at its ${what} is named with a way out`, async () => {
    await using folder = new SqliteFolder();
    const made = await folder.openMigrated();
    await made.insert(folder.jobs(500));
    await made.close();
    using file = await Deno.open(folder.file(), { read: true, write: true });
    const { size } = await file.stat();
    await file.seek(damage, Deno.SeekMode.Start);
    await file.write(new Uint8Array(size - damage).fill(0x5a));
    const driver = folder.open();
    const use = driver.ready().then(() => driver.list({ namespace: "default", limit: 500 }));
    await assert.rejects(use, { code: "store_unusable", message: /jobd\.db/, hint: /backup/ });
  });
}

Deno.test("sqlite: a file that is no database stays as it is", async () => {
  await using folder = new SqliteFolder();
  const text = "some notes of mine\n".repeat(500);
  await Deno.writeTextFile(folder.file(), text);
  await assert.rejects(folder.open().migrate(), {
    code: "store_unusable",
    message: /not a (SQLite )?database/,
  });
  assert.equal(await Deno.readTextFile(folder.file()), text);
});

Deno.test("sqlite: a store of a newer program is refused and left alone", async () => {
  await using folder = new SqliteFolder();
  await (await folder.openMigrated()).close();
  const db = new DatabaseSync(folder.file());
  db.exec("insert into migration (number, name, applied_at) values (99, 'future', 0)");
  db.close();
  const before = await Deno.readFile(folder.file());
  const driver = folder.open();
  await assert.rejects(driver.ready(), { code: "schema_newer", message: /99/ });
  await assert.rejects(driver.migrate(), { code: "schema_newer" });
  await driver.close();
  assert.deepEqual(await Deno.readFile(folder.file()), before);
});

Deno.test("sqlite: migrations stop where they are told and say what they would do", async () => {
  await using folder = new SqliteFolder();
  const migrations = [1, 2, 3].map((number) => ({
    number,
    name: `step_${number}`,
    sql: `create table t${number} (a)`,
  }));
  const driver = folder.open({ migrations });
  const numbers = (list: { number: number }[]): number[] => list.map(({ number }) => number);
  assert.deepEqual(numbers((await driver.migrate({ to: 2 })).pending), [1, 2]);
  await assert.rejects(driver.ready(), { code: "schema_missing", hint: /jobd migrate/ });
  const plan = await driver.migrate({ dryRun: true });
  assert.deepEqual([numbers(plan.applied), numbers(plan.pending)], [[1, 2], [3]]);
  assert.deepEqual(numbers((await driver.migrate()).pending), [3]);
  assert.deepEqual(numbers((await driver.migrate()).pending), []);
  await assert.rejects(driver.migrate({ to: 7 }), { code: "invalid_request" });
});

Deno.test("sqlite: a migration that fails leaves no trace", async () => {
  await using folder = new SqliteFolder();
  const good = { number: 1, name: "good", sql: "create table good (a)" };
  const bad = { number: 2, name: "bad", sql: "create table half (a); create table good (a)" };
  await assert.rejects(folder.open({ migrations: [good, bad] }).migrate(), /already exists/);
  const driver = folder.open({ migrations: [good] });
  assert.deepEqual((await driver.migrate()).applied.map(({ name }) => name), ["good"]);
});

Deno.test("sqlite: a backup is a store of its own, for its owner alone, and overwrites nothing", async () => {
  await using folder = new SqliteFolder();
  const driver = await folder.openMigrated();
  const jobs = folder.jobs(100);
  await driver.insert(jobs);
  await driver.backup(folder.file("copy.db"));
  assert.equal(await mode(folder.file("copy.db")), 0o600);
  await driver.insert(folder.jobs(1));
  await assert.rejects(driver.backup(folder.file("copy.db")), { code: "conflict", message: /copy\.db/ });
  await assert.rejects(driver.backup(folder.file("nowhere/copy.db")), { code: "store_unusable" });
  const copy = folder.open({}, "copy.db");
  await copy.ready();
  assert.equal((await copy.list({ namespace: "default", limit: 200 })).items.length, 100);
  const now = 1_000;
  const request = {
    worker: "w",
    namespace: "default",
    queues: "all",
    types: "all",
    now,
    expiresAt: now + 1,
  } as const;
  const { jobs: claimed } = await copy.claim({ ...request, limit: 200 });
  assert.deepEqual(claimed.map(({ id }) => id), jobs.map(({ id }) => id));
});

Deno.test("sqlite: a store in memory works like one in a file", async () => {
  const driver = openSqlite(":memory:");
  await driver.migrate();
  await driver.ready();
  await using folder = new SqliteFolder();
  const [result] = await driver.insert(folder.jobs(1));
  assert.equal(result?.outcome, "created");
  assert.deepEqual((await driver.inspect()).filter(({ level }) => level !== "ok"), []);
  await driver.close();
});

Deno.test("sqlite: the store's time never goes backwards", async () => {
  await using folder = new SqliteFolder();
  let now = 5_000;
  const driver = await folder.openMigrated({ now: () => now });
  assert.equal(await driver.ready(), 5_000);
  now = 3_000;
  assert.equal(await driver.ready(), 5_000);
  now = 6_000;
  assert.equal(await driver.ready(), 6_000);
});
