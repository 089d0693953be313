import assert from "node:assert/strict";
import { FakeWorld } from "./fake_host.ts";

const HOSTILE = "\u001b[31mred\u0007 \u202e\n";

Deno.test("a schedule from its creation to its end", async () => {
  const world = new FakeWorld();
  assert.match((await world.run(["schedules"])).stderr, /No schedules yet/);
  const rule = ["--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--jitter", "5m", "--overlap", "skip"];
  const job = [
    "--type",
    "report",
    "--payload",
    '{"of":"sales"}',
    "--queue",
    "slow",
    "--tag",
    "a",
    "--tag",
    "b",
    "--header",
    "X-Team=sales",
  ];
  const created = (await world.run(["schedule", "create", "nightly", ...rule, ...job, "--json"])).json();
  assert.equal(created.status, "active");
  assert.equal(created.nextTicks.length, 5);
  assert.deepEqual(created.spec, {
    cron: "30 2 * * *",
    timezone: "Europe/Berlin",
    jitterMs: 300_000,
    missed: "latest",
    overlap: "skip",
    job: {
      type: "report",
      payload: { of: "sales" },
      queue: "slow",
      tags: ["a", "b"],
      headers: { "x-team": "sales" },
    },
  });
  const listed = await world.run(["schedules"]);
  assert.match(listed.stdout, /^nightly +30 2 \* \* \* in Europe\/Berlin +in \d+.* +- +report in slow$/m);

  const updated = await world.run([
    "schedule",
    "update",
    "nightly",
    "--every",
    "1h",
    "--jitter",
    "default",
    "--priority",
    "high",
    "--header",
    "run=2",
  ]);
  assert.match(updated.stdout, /Times +every 1h/);
  assert.doesNotMatch(updated.stdout, /Jitter/);
  const { spec } = (await world.run(["schedule", "show", "nightly", "--json"])).json();
  assert.deepEqual([spec.everyMs, spec.cron, spec.job.priority, spec.job.queue, spec.job.headers], [
    3_600_000,
    undefined,
    10,
    "slow",
    { run: "2" },
  ]);

  assert.match((await world.run(["schedule", "pause", "nightly"])).stdout, /State +paused since/);
  assert.match((await world.run(["schedules"])).stdout, / paused$/m);
  assert.match((await world.run(["schedule", "resume", "nightly"])).stdout, /State +active/);

  const ran = await world.run(["schedule", "run", "nightly"]);
  const shown = (await world.run(["job", "show", ran.stdout.trim(), "--json"])).json();
  assert.equal(shown.options.schedule.name, "nightly");
  const history = await world.run(["schedule", "history", "nightly"]);
  assert.match(history.stdout, new RegExp(`started +${ran.stdout.trim()} +run`));
  assert.equal((await world.run(["schedule", "history", "nightly", "--json"])).json().items[0].manual, "run");

  const from = new Date(Date.now() - 3.5 * 3_600_000).toISOString();
  assert.match(
    (await world.run(["schedule", "backfill", "nightly", "--from", from])).stdout,
    /^4 ticks: 4 made, 0 were/,
  );
  assert.deepEqual((await world.run(["schedule", "backfill", "nightly", "--from", from, "--json"])).json(), {
    ticks: 4,
    created: 0,
    existing: 4,
  });

  assert.equal((await world.run(["schedule", "delete", "nightly"])).exitCode, 2);
  assert.equal((await world.run(["schedule", "delete", "nightly", "--yes"])).exitCode, 0);
  assert.equal((await world.run(["schedule", "show", "nightly"])).exitCode, 3);
});

Deno.test("without a job a schedule only tells its ticks; a job can be taken away", async () => {
  const world = new FakeWorld();
  assert.match(
    (await world.run(["schedule", "create", "pulse", "--every", "10s"])).stdout,
    /Job +none: its ticks are events/,
  );
  assert.match((await world.run(["schedule", "run", "pulse"])).stderr, /The tick was told/);
  assert.equal((await world.run(["schedule", "run", "pulse", "--json"])).json().job, null);
  await world.run(["schedule", "update", "pulse", "--type", "beat"]);
  assert.equal((await world.run(["schedule", "run", "pulse", "--json"])).json().job.state, "available");
  const { spec } = (await world.run(["schedule", "update", "pulse", "--no-job", "--json"])).json();
  assert.equal(spec.job, undefined);
});

Deno.test("coming ticks, of a schedule or of an idea, say what happens when clocks are changed", async () => {
  const world = new FakeWorld();
  const idea = ["schedule", "next", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin"];
  const at = ["--from", "2026-03-28", "--count", "2"];
  assert.deepEqual((await world.run([...idea, ...at, "--json"])).json().items, [
    "2026-03-28T01:30:00.000Z",
    "2026-03-29T01:00:00.000Z",
  ]);
  const lines = (await world.run([...idea, ...at])).stdout.split("\n");
  assert.match(lines[1] ?? "", /^2026-03-29 03:00:00 Europe\/Berlin +2026-03-29T01:00:00.000Z/);
  await world.run(["schedule", "create", "s", "--every", "1h", "--anchor", "2026-01-01T00:07:00Z"]);
  const next = (await world.run(["schedule", "next", "s", "-n", "3", "--json"])).json().items;
  assert.ok(next.every((tick: string) => tick.endsWith(":07:00.000Z")), next.join());
});

Deno.test("what is wrong is said, with its exit code", async () => {
  const world = new FakeWorld();
  const refused = async (args: string[], code: number, message: RegExp): Promise<void> => {
    const ran = await world.run(["schedule", ...args]);
    assert.equal(ran.exitCode, code, args.join(" "));
    assert.match(ran.stderr, message);
  };
  await world.run(["schedule", "create", "s", "--every", "1h"]);
  await refused(["create", "s", "--every", "1h"], 4, /exists already/);
  await refused(
    ["create", "t", "--cron", "61 * * * *"],
    2,
    /Invalid cron expression "61 \* \* \* \*": .*minute/,
  );
  await refused(["create", "t"], 2, /either a cron expression or a period/);
  await refused(["create", "t", "--every", "1h", "--overlap", "skip"], 2, /overlap only together with job/);
  await refused(
    ["create", "t", "--every", "1h", "--overlap", "maybe"],
    2,
    /not one of allow, skip, queue, cancel/,
  );
  await refused(["create", "t", "--every", "1h", "--payload", "{"], 2, /--payload/);
  await refused(["update", "s"], 2, /not said what to change/);
  await refused(["update", "t", "--every", "1h"], 3, /no schedule "t"/);
  await refused(["next"], 2, /not said which ticks/);
  await refused(["backfill", "s"], 2, /not said from when on/);
  await refused(["backfill", "s", "--from", "2999-01-01"], 2, /has passed/);
});

Deno.test("nothing that a schedule holds reaches the terminal as it is", async () => {
  const world = new FakeWorld();
  const payload = JSON.stringify({ text: HOSTILE });
  const description = HOSTILE.trim();
  await world.run([
    "schedule",
    "create",
    "s",
    "--every",
    "1h",
    "--payload",
    payload,
    "--description",
    description,
  ]);
  for (const command of [["schedules"], ["schedule", "show", "s"]]) {
    const { stdout } = await world.run(command);
    assert.notEqual(stdout, "");
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  }
});

Deno.test("events of schedules are printed and filtered", async () => {
  const world = new FakeWorld();
  await world.run(["schedule", "create", "a", "--every", "1h"]);
  await world.run(["schedule", "run", "a"]);
  await world.run(["schedule", "create", "b", "--every", "1h"]);
  await world.run(["schedule", "run", "b"]);
  const printed = async (args: string[]): Promise<string> => {
    const ran = world.run(["events", "--after", "0", "--schedule", "b", ...args], {
      onOutput: () => world.signal("SIGINT"),
    });
    return (await ran).stdout;
  };
  assert.match(await printed([]), /^ +2 {2}.*Z {2}schedule\.tick +b +tick \d{4}-.*Z\n$/);
  const { tick, schedule } = JSON.parse(await printed(["--json"]));
  assert.match(tick, /^\d{4}-.*Z$/);
  assert.equal(schedule, "b");
});
