import assert from "node:assert/strict";
import { FakeWorld } from "./fake_host.ts";

Deno.test("jobd audit shows who did what by the command line, newest first", async () => {
  const world = new FakeWorld();
  const machine = { env: { USER: "ada" } };
  assert.match((await world.run(["audit"])).stderr, /Nothing like that\./);
  const { id } = (await world.run(["enqueue", "x", "--json"])).json();
  await world.run(["queue", "create", "mail", "--max-attempts", "2"], machine);
  assert.equal((await world.run(["job", "cancel", id], machine)).exitCode, 0);
  assert.equal((await world.run(["queue", "pause", "none"], machine)).exitCode, 3);
  const { items, nextCursor } = (await world.run(["audit", "--json"])).json();
  assert.equal(nextCursor, null);
  assert.deepEqual(
    items.map((
      one: Record<string, unknown>,
    ) => [one["operation"], one["outcome"], one["surface"], one["name"]]),
    [
      ["queues.pause", "not_found", "cli", "ada"],
      ["jobs.cancel", "done", "cli", "ada"],
      ["queues.create", "done", "cli", "ada"],
    ],
  );
  assert.deepEqual(items[1].input, { which: [id] });
  assert.deepEqual(items[1].result, { succeeded: 1, failed: 0 });
  assert.match(items[1].at, /^\d{4}-\d\d-\d\dT.*Z$/);
  const { stdout } = await world.run(["audit"]);
  assert.match(stdout, /^WHEN +WHO +BY +OPERATION +OUTCOME +WITH\n/);
  assert.match(stdout, /ada +cli +jobs\.cancel +done, 1 succeeded, 0 failed +which \[/);
});

Deno.test("jobd audit narrows it down and goes from page to page", async () => {
  const world = new FakeWorld();
  const machine = { env: { LOGNAME: "bob" } };
  for (const name of ["a", "b", "c"]) await world.run(["queue", "create", name], machine);
  await world.run(["queue", "pause", "none"], machine);
  const names = async (...flags: string[]): Promise<unknown[]> =>
    (await world.run(["audit", "--json", ...flags])).json().items.map((one: { input: unknown }) => one.input);
  const created = (name: string) => ({ name, settings: {} });
  assert.deepEqual(await names("--outcome", "failed"), [{ which: "none" }]);
  assert.deepEqual(await names("--operation", "queues.create", "--limit", "1"), [created("c")]);
  assert.deepEqual(await names("--actor", "bob", "--operation", "queues.c*"), ["c", "b", "a"].map(created));
  assert.deepEqual(await names("--surface", "http"), []);
  assert.deepEqual(await names("--until", "1h"), []);
  assert.equal((await names("--since", "1h")).length, 4);
  const first = await world.run(["audit", "--limit", "3", "--json"]);
  assert.deepEqual(await names("--cursor", first.json().nextCursor), [created("a")]);
  const refused = await world.run(["audit", "--outcome", "maybe"]);
  assert.deepEqual([refused.exitCode, refused.stdout], [2, ""]);
});

Deno.test("jobd types lists types with their jobs by state", async () => {
  const world = new FakeWorld();
  assert.match((await world.run(["types"])).stderr, /No types yet/);
  await world.run(["enqueue", "mail"]);
  await world.run(["enqueue", "mail", "--delay", "1h"]);
  await world.run(["enqueue", "report"]);
  const { items } = (await world.run(["types", "--json"])).json();
  assert.deepEqual(items.map(({ type }: { type: string }) => type), ["mail", "report"]);
  const { stdout } = await world.run(["types"]);
  assert.match(stdout, /^TYPE +SCHEDULED +AVAILABLE +ENDED, 1d +WORKERS\nmail +1 +1 +0\nreport +1 +0\n$/);
});
