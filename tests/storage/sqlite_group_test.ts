import assert from "node:assert/strict";
import { system } from "../../src/storage/system.ts";
import { openConnection } from "../../src/storage/sqlite/open.ts";

async function connected() {
  const connection = await openConnection(":memory:", system, true);
  connection.run("create table t (n integer primary key) strict");
  const insert = (n: number): number => connection.run("insert into t values ($1)", n);
  const rows = (): unknown[] => connection.all("select n from t order by n").map(({ n }) => n);
  return { connection, insert, rows };
}

Deno.test("sqlite: writes asked for at the same time share a transaction and see each other", async () => {
  const { connection, insert, rows } = await connected();
  let commits = 0;
  const run = connection.run.bind(connection);
  connection.run = (text, ...params) => {
    if (text === "commit") commits++;
    return run(text, ...params);
  };
  const seen = await Promise.all([
    connection.write(() => insert(1)),
    connection.write(() => rows()),
    connection.write(() => insert(2)),
  ]);
  assert.deepEqual(seen, [1, [1], 1]);
  assert.equal(commits, 1);
  assert.equal(connection.writing, true);
  await connection.write(() => insert(3));
  assert.deepEqual(rows(), [1, 2, 3]);
  await connection.close();
});

Deno.test("sqlite: a write that fails takes nothing of its neighbours with it", async () => {
  const { connection, insert, rows } = await connected();
  const undone: string[] = [];
  const ended = await Promise.allSettled([
    connection.write(() => insert(1), () => undone.push("first")),
    connection.write(() => {
      insert(2);
      insert(1);
    }, () => undone.push("second")),
    connection.write(() => insert(3), () => undone.push("third")),
  ]);
  assert.deepEqual(ended.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(rows(), [1, 3]);
  assert.deepEqual(undone, ["second"]);
  await assert.rejects(connection.write(() => insert(3), () => undone.push("alone")));
  assert.deepEqual(undone, ["second", "alone"]);
  await connection.close();
});

Deno.test("sqlite: a failure that ends the transaction fails all that share it", async () => {
  const { connection, insert, rows } = await connected();
  const undone: string[] = [];
  const ended = await Promise.allSettled([
    connection.write(() => insert(1), () => undone.push("first")),
    connection.write(() => {
      connection.run("rollback"); // as SQLite itself does when the disk is full
      throw new Error("full");
    }, () => undone.push("second")),
  ]);
  assert.deepEqual(ended.map(({ status }) => status), ["rejected", "rejected"]);
  assert.deepEqual(rows(), []);
  assert.deepEqual(undone, ["first", "second"]);
  await connection.close();
});
