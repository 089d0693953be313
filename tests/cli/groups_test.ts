import assert from "node:assert/strict";
import { FakeWorld } from "./fake_host.ts";

Deno.test("groups on the command line: gathered, listed, run, cancelled, retried", async () => {
  const world = new FakeWorld();
  assert.match((await world.run(["groups"])).stderr, /No groups/);
  const rules = ["--group-size", "3", "--group-age", "5m", "--group-silence", "1m"];
  const ids: string[] = [];
  for (const host of ["db-1", "db-1", "db-2"]) {
    const { stdout } = await world.run(["enqueue", "metrics.push", "--group", host, ...rules]);
    ids.push(stdout.trim());
  }
  const { items } = (await world.run(["groups", "--json"])).json();
  assert.deepEqual(
    items.map((
      { key, jobs, size, open, leader }: Record<string, unknown>,
    ) => [key, jobs, size, open, leader]),
    [["db-1", 2, 3, true, null], ["db-2", 1, 3, true, null]],
  );
  assert.match(
    (await world.run(["groups"])).stdout,
    /^\d+ +db-1 +metrics\.push +default +2\/3 +\S+ \(in \d/m,
  );
  assert.equal((await world.run(["groups", "--key", "db-2", "--json"])).json().items.length, 1);
  const shown = await world.run(["group", "show", "--key", "db-1"]);
  assert.match(shown.stdout, new RegExp(`^${ids[0]} +blocked`, "m"));
  assert.match((await world.run(["job", "show", ids[0] ?? ""])).stdout, /Group +db-1 \(of 3, after 5m/);

  assert.match((await world.run(["group", "run", items[0].id])).stdout, /1 group handed over/);
  assert.match((await world.run(["groups", "--key", "db-1"])).stdout, / now$/m);
  const cancelled = await world.run(["group", "cancel", "--key", "db-2", "--json"]);
  assert.deepEqual(cancelled.json(), { succeeded: [ids[2]], failed: [] });
  assert.match((await world.run(["group", "retry", "--key", "db-2"])).stdout, /runs again/);
  assert.equal((await world.run(["job", "show", ids[2] ?? "", "--json"])).json().state, "available");
});

Deno.test("what cannot be meant is refused", async () => {
  const world = new FakeWorld();
  const refused = async (args: string[], message: RegExp, code = 2): Promise<void> => {
    const { stderr, exitCode: exit } = await world.run(args);
    assert.match(stderr, message);
    assert.equal(exit, code);
  };
  await refused(["enqueue", "x", "--group-size", "3"], /need --group/);
  await refused(["enqueue", "x", "--group", "a", "--delay", "5m"], /both a group and delay/);
  await refused(["enqueue", "x", "--group", "a", "--group-size", "0"], /1/);
  await refused(["group", "run"], /not said which group/);
  await refused(["group", "run", "1", "--key", "a"], /cannot be combined/);
  await refused(["group", "run", "abc"], /not a whole number/);
  await refused(["group", "cancel", "77"], /There is no group "77"/, 3);
});
