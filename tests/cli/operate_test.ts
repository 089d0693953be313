import assert from "node:assert/strict";
import type { Job } from "../../src/domain/job.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { decide } from "../../src/domain/decide.ts";
import { FakeWorld } from "./fake_host.ts";

/** Enqueues jobs and lets their first attempt fail for good. */
function dead(world: FakeWorld, types: string[], message = "refused"): Promise<string[]> {
  return ended(world, types, { kind: "failed", error: { code: "error", message }, permanent: true });
}

/** Enqueues jobs and ends their first attempt. */
async function ended(world: FakeWorld, types: string[], outcome: Outcome): Promise<string[]> {
  const jobd = await world.jobd();
  const ids = (await jobd.enqueueMany(types.map((type) => ({ type, payload: {} })))).map(({ id }) => id);
  const now = jobd.now();
  const { jobs, leaseId } = await world.driver.claim({
    worker: "w",
    namespace: "default",
    queues: "all",
    types: "all",
    limit: types.length,
    now,
    expiresAt: now + 60_000,
  });
  const end = (job: Job): ReturnType<typeof decide> =>
    decide(job, outcome, { now, random: 0, backoff: { baseMs: 1, maxMs: 1, jitter: "none" } });
  await world.driver.settle({ transitions: jobs.map(end), close: [leaseId ?? ""] });
  return ids;
}

async function states(world: FakeWorld, ids: string[]): Promise<string[]> {
  const found = new Map((await world.driver.get(ids)).map((job) => [job.id, job.state]));
  return ids.map((id) => found.get(id) ?? "gone");
}

Deno.test("job cancel, run, retry, archive, delete: by shortened ids, several at once", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  const [one, two] = (await jobd.enqueueMany([{ type: "a", delay: "1h" }, { type: "b" }])).map(({ id }) =>
    id
  ) as [string, string];
  const run = await world.run(["job", "run", one.slice(-12)]);
  assert.equal(run.stdout, `${one} runs now\n`);
  const cancel = await world.run(["job", "cancel", one, two.slice(-12)]);
  assert.equal(cancel.exitCode, 0);
  assert.equal(cancel.stdout, `${one} cancelled\n${two} cancelled\n`);
  const again = await world.run(["job", "run", one]);
  assert.equal(again.exitCode, 4);
  assert.match(again.stderr, /it is cancelled: only waiting jobs can be run now/);
  assert.equal((await world.run(["job", "retry", one])).exitCode, 0);
  assert.deepEqual(await states(world, [one, two]), ["available", "cancelled"]);
  const archived = await world.run(["job", "archive", one, two]);
  assert.deepEqual([archived.exitCode, archived.stdout], [4, `${one} archived\n`]);
  assert.match(archived.stderr, /it is already cancelled/);
  assert.deepEqual(await states(world, [one, two]), ["dead", "cancelled"]);
  assert.equal((await world.run(["dead", "retry", one])).exitCode, 0);
  const mixed = await world.run(["job", "delete", two, "01900000-0000-7000-8000-00000000dead", "--json"]);
  assert.equal(mixed.exitCode, 3);
  assert.deepEqual(mixed.json().succeeded, [two]);
  assert.equal(mixed.json().failed[0].code, "not_found");
  assert.deepEqual(await states(world, [one, two]), ["available", "gone"]);
});

Deno.test("job update: what is given is changed, several jobs at once, running and finished ones are refused", async () => {
  const world = new FakeWorld();
  const [ended = ""] = await dead(world, ["b"]);
  const jobd = await world.jobd();
  const made = await jobd.enqueueMany([
    { type: "a", tags: ["old"], timeout: "1m", ttl: "1h" },
    { type: "a", delay: "1h" },
  ]);
  const [one = "", two = ""] = made.map(({ id }) => id);
  const flags = ["--priority", "high", "--queue", "slow", "--payload", '{"to":"b"}', "--max-attempts", "2"];
  const both = await world.run(["job", "update", one, two.slice(-12), ...flags, "--tag", "x", "--tag", "y"]);
  assert.equal(both.stdout, `${one} updated\n${two} updated\n`);
  for (const id of [one, two]) {
    const job = await jobd.jobs.get(id);
    assert.deepEqual([job.priority, job.queue, job.payload, job.maxAttempts, job.options.tags], [
      10,
      "slow",
      { to: "b" },
      2,
      ["x", "y"],
    ]);
  }
  await world.run(["job", "update", one, "--header", "X-Request-Id=a=b", "--header", "traceparent=c"]);
  assert.deepEqual((await jobd.jobs.get(one)).options.headers, { "x-request-id": "a=b", traceparent: "c" });
  assert.match((await world.run(["job", "show", one])).stdout, /headers {"x-request-id":"a=b"/);
  await world.run(["job", "update", one, "--timeout", "none", "--ttl", "none", "--no-tags", "--no-headers"]);
  const { options, expireAt } = await jobd.jobs.get(one);
  assert.deepEqual([options, expireAt], [{}, null]);
  await world.run(["job", "update", one, "--at", "2999-01-01T00:00:00Z"]);
  await world.run(["job", "update", two, "--delay", "0s"]);
  assert.deepEqual(await states(world, [one, two]), ["scheduled", "available"]);

  const refused = await world.run(["job", "update", ended, "--priority", "1", "--json"]);
  assert.equal(refused.exitCode, 4);
  assert.match(refused.json().failed[0].reason, /it is dead: only jobs that have not started can be changed/);
});

Deno.test("job update: wrong use is said without a store", async () => {
  const world = new FakeWorld();
  const cases: [string[], RegExp][] = [
    [[], /nothing to change: no flag says what/],
    [["--tag", "a", "--no-tags"], /--tag and --no-tags contradict each other/],
    [["--header", "a=b", "--no-headers"], /--header and --no-headers contradict each other/],
    [["--header", "a=b", "--header", "A=c"], /Header "a" is given twice/],
    [["--header", "=b"], /--header: "=b" is not a header such as/],
    [["--header", "no good=b"], /--header: "no good=b" is not a header such as/],
    [["--delay", "1h", "--at", "2999-01-01"], /both a delay and a start time/],
    [["--timeout", "0s"], /--timeout: "0s" is not a duration from 1ms to 100 years, or none/],
    [["--payload", "{"], /--payload/],
  ];
  for (const [flags, message] of cases) {
    const { exitCode, stderr } = await world.run(["job", "update", "4f2a91c0", ...flags]);
    assert.equal(exitCode, 2);
    assert.match(stderr, message);
  }
});

Deno.test("job show: state, attempts, error, payload; --json is one object, or items for several", async () => {
  const world = new FakeWorld();
  const [one = "", two = ""] = await dead(world, ["a", "b"]);
  const text = await world.run(["job", "show", one.slice(-12)]);
  for (
    const part of [
      `Job ${one}`,
      "State       dead",
      "Failures    1 of 5, attempt 1",
      "refused [error]",
      "Attempts",
      "failed",
    ]
  ) {
    assert.ok(text.stdout.includes(part), `${text.stdout}\ndoes not hold ${part}`);
  }
  const single = (await world.run(["job", "show", one, "--json"])).json();
  assert.deepEqual(Object.keys(single).sort(), [
    "attempt",
    "blockedBy",
    "cancelRequestedAt",
    "createdAt",
    "effectivePriority",
    "error",
    "executions",
    "expireAt",
    "failures",
    "finishedAt",
    "id",
    "log",
    "maxAttempts",
    "namespace",
    "options",
    "payload",
    "priority",
    "progress",
    "queue",
    "releases",
    "result",
    "runAt",
    "startedAt",
    "state",
    "type",
    "waitingFor",
    "waits",
    "worker",
  ]);
  assert.match(single.finishedAt, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual(Object.keys(single.executions[0]).sort(), [
    "attempt",
    "durationMs",
    "error",
    "finishedAt",
    "jobId",
    "outcome",
    "startedAt",
    "worker",
  ]);
  assert.equal((await world.run(["job", "show", one, two, "--json"])).json().items.length, 2);
  assert.deepEqual(single.log, { lines: [], more: false });
});

Deno.test("jobs: filters, pages, JSON", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  await jobd.enqueueMany([
    { type: "a", queue: "q1", tags: ["x"], payload: { note: "Needle" } },
    { type: "b", queue: "q2", origin: "me" },
    { type: "c", queue: "q1", delay: "1h" },
  ]);
  const types = async (...args: string[]): Promise<string[]> =>
    (await world.run(["jobs", "--json", ...args])).json().items.map(({ type }: { type: string }) => type)
      .sort();
  assert.deepEqual(await types(), ["a", "b", "c"]);
  assert.deepEqual(await types("--queue", "q1"), ["a", "c"]);
  assert.deepEqual(await types("--state", "available"), ["a", "b"]);
  assert.deepEqual(await types("--type", "a,b"), ["a", "b"]);
  assert.deepEqual(await types("--type", "a", "--type", "c"), ["a", "c"]);
  assert.deepEqual(await types("--tag", "x"), ["a"]);
  assert.deepEqual(
    [await types("--tag", "x", "--tag", "y"), await types("--any-tag", "x", "--any-tag", "y")],
    [
      [],
      ["a"],
    ],
  );
  assert.deepEqual(await types("--origin", "me"), ["b"]);
  assert.deepEqual(await types("--search", "needle"), ["a"]);
  assert.deepEqual(await types("--before", "1h"), []);
  assert.deepEqual(await types("--before", "2999-01-01"), ["a", "b", "c"]);
  const first = (await world.run(["jobs", "--json", "--limit", "2"])).json();
  assert.equal(first.items.length, 2);
  const rest = (await world.run(["jobs", "--json", "--limit", "2", "--cursor", first.nextCursor])).json();
  assert.equal(rest.items.length, 1);
  assert.equal(rest.nextCursor, null);
  assert.match((await world.run(["jobs", "--limit", "2"])).stderr, /There are more: --cursor /);
  assert.match((await world.run(["jobs", "--queue", "none"])).stderr, /No such jobs\./);
});

Deno.test("dead list and show: dead letters only", async () => {
  const world = new FakeWorld();
  const [id = ""] = await dead(world, ["a"]);
  const { id: alive } = await (await world.jobd()).enqueue({ type: "b" });
  assert.deepEqual((await world.run(["dead", "list", "--json"])).json().items.map((job: Job) => job.id), [
    id,
  ]);
  assert.equal((await world.run(["dead", "show", id])).exitCode, 0);
  const ran = await world.run(["dead", "show", alive]);
  assert.equal(ran.exitCode, 4);
  assert.match(ran.stderr, /is no dead letter: it is available/);
});

Deno.test("dead purge: --dry-run says what --yes then does, --limit does a part", async () => {
  const world = new FakeWorld();
  const ids = await dead(world, ["a", "b", "c"]);
  const tried = await world.run(["dead", "purge", "--dry-run"]);
  assert.match(tried.stdout, /^3 dead letters would be deleted\n/);
  for (const id of ids) assert.ok(tried.stdout.includes(id));
  const document = (await world.run(["dead", "purge", "--dry-run", "--json"])).json();
  assert.deepEqual([document.dryRun, document.matched, document.capped], [true, 3, false]);
  assert.equal(document.counts.succeeded, 3);
  const some = await world.run(["dead", "purge", "--limit", "2", "--yes"]);
  assert.deepEqual([some.exitCode, some.stdout], [0, "2 dead letters deleted\n"]);
  assert.match(some.stderr, /Stopped at the limit: there are more that match/);
  const rest = await world.run(["dead", "purge", "--yes", "--json"]);
  assert.deepEqual([rest.json().counts, rest.json().stopped], [{ succeeded: 1, failed: 0 }, undefined]);
});

Deno.test("dead retry: by id, by filter, all", async () => {
  const world = new FakeWorld();
  const ids = await dead(world, ["a", "b", "b", "c"]);
  assert.equal((await world.run(["dead", "retry", ids[0] ?? ""])).exitCode, 0);
  const filtered = await world.run(["dead", "retry", "--type", "b"]);
  assert.equal(filtered.stdout, "2 dead letters run again\n");
  assert.deepEqual(await states(world, ids), ["available", "available", "available", "dead"]);
  assert.equal((await world.run(["dead", "retry", "--all", "--json"])).json().succeeded.length, 1);
});

Deno.test("dead retry with edits: another payload, queue, priority, start; a dry run changes nothing", async () => {
  const world = new FakeWorld();
  const [one = "", two = "", three = ""] = await dead(world, ["a", "b", "b"]);
  const show = async (id: string) => (await world.run(["job", "show", id, "--json"])).json();
  const dry = await world.run(["dead", "retry", one, "--to", "slow", "--dry-run", "--json"]);
  assert.deepEqual([dry.json().matched, (await show(one)).state], [1, "dead"]);
  const flags = [
    "--payload",
    '{"put":"right"}',
    "--priority",
    "high",
    "--max-attempts",
    "9",
    "--delay",
    "1h",
  ];
  assert.equal((await world.run(["dead", "retry", one, ...flags])).exitCode, 0);
  const edited = await show(one);
  assert.deepEqual([edited.state, edited.payload, edited.priority, edited.maxAttempts, edited.failures], [
    "scheduled",
    { put: "right" },
    10,
    9,
    0,
  ]);
  const bulk = await world.run(["dead", "retry", "--type", "b", "--to", "slow"]);
  assert.equal(bulk.stdout, "2 dead letters run again\n");
  for (const id of [two, three]) {
    const { state, queue } = await show(id);
    assert.deepEqual([state, queue], ["available", "slow"]);
  }
  const wrong = await world.run(["dead", "retry", "--all", "--payload", "{"]);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /--payload/);
});

Deno.test("dead delete and purge: only with --yes or an answer", async () => {
  const world = new FakeWorld();
  const ids = await dead(world, ["a", "b", "c"]);
  assert.equal((await world.run(["dead", "delete", ids[0] ?? ""])).exitCode, 0);
  const no = await world.run(["dead", "delete", "--type", "b"], { answer: "n" });
  assert.equal(no.exitCode, 2);
  assert.match(no.stderr, /Nothing was done/);
  assert.deepEqual(await states(world, ids), ["gone", "dead", "dead"]);
  assert.equal((await world.run(["dead", "delete", "--type", "b"], { answer: "y" })).exitCode, 0);
  assert.equal((await world.run(["dead", "purge", "--yes"])).stdout, "1 dead letter deleted\n");
  assert.deepEqual(await states(world, ids), ["gone", "gone", "gone"]);
});

Deno.test("queue create, update, show, pause, resume", async () => {
  const world = new FakeWorld();
  assert.equal(
    (await world.run(["queue", "create", "mail", "--max-attempts", "9", "--backoff-base", "30s"])).exitCode,
    0,
  );
  assert.equal((await world.run(["queue", "create", "mail"])).exitCode, 4);
  await world.run(["queue", "update", "mail", "--ttl", "2h", "--priority", "high"]);
  assert.match((await world.run(["queue", "show", "mail"])).stdout, /Priority +10/);
  await world.run(["queue", "update", "mail", "--priority", "default"]);
  assert.doesNotMatch((await world.run(["queue", "show", "mail"])).stdout, /Priority/);
  assert.match((await world.run(["queue", "show", "mail"])).stdout, /Time to live +2h/);
  const { id } = (await world.run(["enqueue", "a", "--queue", "mail", "--json"])).json();
  const { createdAt, expireAt } = (await world.run(["job", "show", id, "--json"])).json();
  assert.equal(Date.parse(expireAt) - Date.parse(createdAt), 7_200_000);
  await world.run(["queue", "update", "mail", "--ttl", "default"]);
  await world.run(["queue", "update", "mail", "--timeout", "1m", "--retention", "completed=1d,dead=2d"]);
  await world.run([
    "queue",
    "update",
    "mail",
    "--retention",
    "dead=3d",
    "--jitter",
    "none",
    "--max-attempts",
    "default",
  ]);
  const shown = (await world.run(["queue", "show", "mail", "--json"])).json();
  assert.deepEqual(shown.settings, {
    timeoutMs: 60_000,
    backoff: { baseMs: 30_000, maxMs: 3_600_000, jitter: "none" },
    retentionMs: { completed: 86_400_000, dead: 259_200_000 },
  });
  await world.run([
    "queue",
    "update",
    "mail",
    "--backoff-base",
    "default",
    "--jitter",
    "default",
    "--retention",
    "default",
    "--timeout",
    "default",
  ]);
  assert.deepEqual((await world.run(["queue", "show", "mail", "--json"])).json().settings, {});
  await world.run(["queue", "update", "mail", "--retention", "1h"]);
  assert.match(
    (await world.run(["queue", "show", "mail"])).stdout,
    /Retention +completed 1h, dead 1h, cancelled 1h, expired 1h/,
  );
  assert.match((await world.run(["queue", "pause", "mail"])).stdout, /paused since/);
  assert.match((await world.run(["queues"])).stdout, /^mail .* paused$/m);
  assert.match((await world.run(["queue", "resume", "mail"])).stdout, /State +open/);
  await world.run(["queue", "create", "sms"]);
  const some = await world.run(["queue", "pause", "sms", "none", "mail"]);
  assert.deepEqual([some.exitCode, some.stdout], [3, "sms paused\nmail paused\n"]);
  assert.match(some.stderr, /Queue none: There is no such queue/);
  const all = (await world.run(["queue", "resume", "--all", "--json"])).json();
  assert.deepEqual(all, { succeeded: ["mail", "sms"], failed: [] });
  for (const args of [["queue", "pause"], ["queue", "pause", "mail", "--all"]]) {
    assert.equal((await world.run(args)).exitCode, 2);
  }
});

Deno.test("queue drain and delete: what waits, what is in the way, and by force", async () => {
  const world = new FakeWorld();
  const enqueue = async (...flags: string[]): Promise<string> =>
    (await world.run(["enqueue", "a", "--queue", "mail", ...flags, "--json"])).json().id;
  const ids = [await enqueue(), await enqueue("--delay", "1h"), await enqueue()];
  const some = await world.run(["queue", "drain", "mail", "--state", "scheduled"]);
  assert.deepEqual([some.exitCode, some.stdout], [0, "mail drained: 1 job cancelled, none runs\n"]);
  assert.deepEqual(await states(world, ids), ["available", "cancelled", "available"]);
  assert.deepEqual((await world.run(["queue", "drain", "mail", "--wait", "--json"])).json(), {
    name: "mail",
    cancelled: 2,
    running: 0,
  });
  await enqueue();
  const refused = await world.run(["queue", "delete", "mail"]);
  assert.equal(refused.exitCode, 4);
  assert.match(refused.stderr, /The queue "mail" is not empty: 1 available, 3 cancelled/);
  assert.deepEqual(await states(world, ids), ["cancelled", "cancelled", "cancelled"]);
  await world.run(["schedule", "create", "nightly", "--every", "1h", "--type", "a", "--queue", "mail"]);
  const removed = await world.run(["queue", "delete", "mail", "--force"]);
  assert.deepEqual([removed.exitCode, removed.stdout], [0, "mail deleted with 4 jobs\n"]);
  assert.match(removed.stderr, /next tick of a schedule makes the queue again: nightly/);
  assert.deepEqual(await states(world, ids), ["gone", "gone", "gone"]);
  assert.equal((await world.run(["queue", "show", "mail"])).exitCode, 3);
  assert.equal((await world.run(["queue", "delete", "mail"])).exitCode, 3);
  await world.run(["queue", "create", "sms"]);
  assert.deepEqual((await world.run(["queue", "delete", "sms", "--json"])).json(), {
    name: "sms",
    deleted: 0,
    schedules: [],
  });
  for (const args of [["drain", "sms", "--timeout", "1s"], ["delete", "sms", "--timeout", "1s"]]) {
    assert.equal((await world.run(["queue", ...args])).exitCode, 2);
  }
});

Deno.test("queue update --ageing; job show says for what a waiting job counts", async () => {
  const world = new FakeWorld();
  assert.equal((await world.run(["queue", "create", "mail", "--ageing", "10m"])).exitCode, 0);
  assert.match((await world.run(["queue", "show", "mail"])).stdout, /Ageing +one priority more for each 10m/);
  const jobd = await world.jobd();
  const { id } = await jobd.enqueue({ type: "a", queue: "mail", priority: 2 });
  const show = async (): Promise<Record<string, unknown>> =>
    (await world.run(["job", "show", id, "--json"])).json();
  assert.equal((await show()).effectivePriority, 2);
  await world.run(["queue", "update", "mail", "--ageing", "1ms"]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { priority, effectivePriority } = await show();
  assert.ok(priority === 2 && Number(effectivePriority) > 2);
  assert.match((await world.run(["job", "show", id])).stdout, /mail, priority 2, counts as \d+ by now/);
  await world.run(["queue", "update", "mail", "--ageing", "default"]);
  assert.deepEqual((await world.run(["queue", "show", "mail", "--json"])).json().settings, {});
  assert.equal((await show()).effectivePriority, 2);
  const wrong = await world.run(["queue", "update", "mail", "--ageing", "0"]);
  assert.deepEqual([wrong.exitCode, /--ageing/.test(wrong.stderr)], [2, true]);
});

Deno.test("executions, workers, stats, queues: one JSON document each", async () => {
  const world = new FakeWorld();
  const [id = ""] = await dead(world, ["a"]);
  assert.equal((await world.run(["executions", "--json"])).json().items[0].jobId, id);
  assert.equal((await world.run(["job", "executions", id, "--json"])).json().items[0].outcome, "failed");
  assert.deepEqual((await world.run(["workers", "--json"])).json(), { items: [] });
  assert.match((await world.run(["workers"])).stderr, /No worker is running/);
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  const row = { minute, namespace: "default", queue: "default", type: "a" };
  await world.driver.addStats([{ ...row, outcome: "completed", count: 3, wait: [0, 3], run: [0, 0, 0, 3] }]);
  const stats = (await world.run(["stats", "--json"])).json();
  assert.equal(stats.queues[0].counts.dead, 1);
  assert.deepEqual(stats.queues[0].counts.capped, []);
  assert.deepEqual([stats.runs[0].type, stats.runs[0].outcomes, stats.runs[0].perMinute], ["a", {
    completed: 3,
  }, 0.05]);
  assert.match((await world.run(["stats"])).stdout, /3 completed/);
  const day = Math.floor(minute / 86_400_000) * 86_400_000;
  await world.driver.addStats([{
    ...row,
    minute: day - 60_000,
    outcome: "failed",
    count: 5,
    wait: [5],
    run: [5],
  }]);
  const days = (await world.run(["stats", "--since", "2d", "--step", "1d", "--json"])).json();
  assert.deepEqual(days.runs.map((run: Record<string, unknown>) => [run["from"], run["outcomes"]]), [
    [new Date(day - 86_400_000).toISOString(), { failed: 5 }],
    [new Date(day).toISOString(), { completed: 3 }],
  ]);
  assert.match((await world.run(["stats", "--since", "2d", "--step", "1d"])).stdout, /by steps of 1d.*FROM/s);
  assert.equal((await world.run(["stats", "--step", "90s"])).exitCode, 2);
  const series = (await world.run(["series", "--since", "2d", "--step", "1d", "--json"])).json();
  assert.deepEqual(
    series.points.slice(-2).map((point: Record<string, unknown>) => [point["at"], point["count"]]),
    [
      [new Date(day - 86_400_000).toISOString(), 5],
      [new Date(day).toISOString(), 3],
    ],
  );
  const failed = ["series", "-m", "failures", "--since", "2d", "--step", "1d"];
  assert.match((await world.run(failed)).stdout, /Failed runs, by steps of 1d.*5 failed/s);
  assert.match((await world.run([...failed, "--queue", "other"])).stdout, /RUNS/);
  assert.match((await world.run(["series", "-m", "run", "--since", "2d"])).stdout, /Run times.*p95/s);
  assert.equal((await world.run(["series", "--step", "90s"])).exitCode, 2);
  assert.equal((await world.run(["series", "--metric", "depth"])).exitCode, 2);
  const namespaces = (await world.run(["namespaces", "--json"])).json();
  assert.deepEqual([namespaces.items[0].name, namespaces.items[0].queues], ["default", 1]);
  assert.match((await world.run(["namespaces"])).stdout, /NAMESPACE.*\ndefault +1/);
  assert.equal((await world.run(["namespace", "create", "acme"])).stdout, "acme created\n");
  assert.equal((await world.run(["namespace", "create", "acme"])).exitCode, 4);
  await world.run(["enqueue", "x"], { env: { JOBD_NAMESPACE: "acme" } });
  assert.match((await world.run(["namespace", "show", "acme"])).stdout, /Queues +1\n +Jobs +1 available\n/);
  const refused = await world.run(["namespace", "delete", "acme"]);
  assert.equal(refused.exitCode, 4);
  assert.match(refused.stderr, /not empty: jobs in queue "default"[^]*--force/);
  assert.equal((await world.run(["namespace", "delete", "acme", "--timeout", "1s"])).exitCode, 2);
  const gone = await world.run(["namespace", "delete", "acme", "--force"]);
  assert.equal(gone.stdout, "acme deleted with 1 job\n");
  assert.equal((await world.run(["namespace", "show", "acme"])).exitCode, 3);
  assert.equal((await world.run(["queues", "--json"])).json().items[0].counts.dead, 1);
});

Deno.test("job show and executions say why a job was put off", async () => {
  const world = new FakeWorld();
  const [id = ""] = await ended(world, ["a"], {
    kind: "snoozed",
    delayMs: 60_000,
    reason: "rate_limited: wait",
  });
  const row = /1 +snoozed +.* w +rate_limited: wait$/m;
  for (const args of [["job", "show", id], ["executions"], ["job", "executions", id]]) {
    assert.match((await world.run(args)).stdout, row, args.join(" "));
  }
  const shown = (await world.run(["job", "show", id, "--json"])).json();
  assert.deepEqual([shown.error, shown.failures], [null, 0]);
  assert.deepEqual(shown.executions[0].error, { code: "snoozed", message: "rate_limited: wait" });
});

Deno.test("lists without anything to show say what there is none of", async () => {
  const world = new FakeWorld();
  const none: [string[], string][] = [
    [["jobs"], "No jobs."],
    [["jobs", "--state", "dead"], "No such jobs."],
    [["dead", "list"], "No dead letters."],
    [["dead", "list", "--queue", "mail"], "No such dead letters."],
    [["executions"], "Nothing ran yet."],
    [["workers"], "No worker is running. Start one with `jobd start` or `jobd worker`."],
    [
      ["workers", "--namespace", "other"],
      "No worker of namespace other is running. Start one with `jobd start` or `jobd worker`.",
    ],
  ];
  for (const [args, says] of none) {
    const { exitCode, stdout, stderr } = await world.run(args);
    assert.deepEqual([exitCode, stdout, stderr], [0, "", `${says}\n`], args.join(" "));
  }
  assert.match((await world.run(["stats"])).stdout, /^No jobs, or only completed ones\.\n\n.*\nNone\.\n$/m);
  const empty = await world.run(["dead", "list", "--search", ""]);
  assert.deepEqual([empty.exitCode, empty.stderr], [
    2,
    'jobd: --search: "" is not a text of at least one character\n',
  ]);
});

Deno.test("stats --watch refreshes until Ctrl-C", async () => {
  const world = new FakeWorld();
  const watching = world.run(["stats", "--watch", "--interval", "200ms", "--json"]);
  while (!world.listening("SIGINT")) await new Promise((next) => setTimeout(next, 5));
  world.signal("SIGINT");
  const ran = await watching;
  assert.equal(ran.exitCode, 0);
  assert.equal(typeof JSON.parse(ran.stdout.split("\n")[0] ?? "").at, "string");
});

Deno.test("queue create, update, show: limits", async () => {
  const world = new FakeWorld();
  await world.run(["queue", "create", "mail", "--concurrency", "5", "--rate", "100/1m"]);
  const limits = async () => (await world.run(["queue", "show", "mail", "--json"])).json().limits;
  const rate = { limit: 100, perMs: 60_000, burst: 100 };
  assert.deepEqual(await limits(), [{ key: "", settings: { concurrency: 5, rate }, pausedAt: null }]);
  await world.run(["queue", "update", "mail", "--rate", "default", "--key-concurrency", "2"]);
  assert.deepEqual(await limits(), [
    { key: "", settings: { concurrency: 5 }, pausedAt: null },
    { key: "*", settings: { concurrency: 2 }, pausedAt: null },
  ]);
  const shown = (await world.run(["queue", "show", "mail"])).stdout;
  assert.match(shown, /Limit +5 at a time\n.*Limit +2 at a time, of each key/s);
  await world.run(["queue", "update", "mail", "--concurrency", "default", "--key-concurrency", "default"]);
  assert.deepEqual(await limits(), []);
  const wrong = await world.run(["queue", "update", "mail", "--rate", "5"]);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /--rate: "5" is not starts in a time such as 100\/1m/);
  const { id } = (await world.run(["enqueue", "work", "--limit-key", "acme", "--json"])).json();
  assert.match((await world.run(["job", "show", id])).stdout, /limit key "acme"/);
});

Deno.test("dead groups: by why they failed; a group is previewed, retried and deleted by its key", async () => {
  const world = new FakeWorld();
  await dead(world, ["a", "a", "a"], "no such order 4711");
  await dead(world, ["a"], "no such order 12");
  const [late] = await dead(world, ["b"], "refused");
  const listed = (await world.run(["dead", "groups", "--json"])).json();
  assert.deepEqual([listed.searched, listed.more], [5, false]);
  const [orders, refused] = listed.items;
  assert.deepEqual([orders.count, orders.type, orders.message], [4, "a", "no such order <n>"]);
  assert.deepEqual([refused.count, refused.example], [1, late]);
  const table = await world.run(["dead", "groups", "--searched", "2"]);
  assert.match(table.stderr, /Only the latest 2 were looked at/);
  const some = await world.run(["dead", "list", "--group", orders.key, "--json"]);
  assert.equal(some.json().items.length, 4);
  const preview = await world.run(["dead", "retry", "--group", orders.key, "--dry-run"]);
  assert.match(preview.stdout, /^4 dead letters would be run again\n/);
  assert.equal((await (await world.jobd()).dead.page({ limit: 10 })).items.length, 5, "nothing was done");
  const retried = await world.run(["dead", "retry", "--group", orders.key]);
  assert.equal(retried.stdout, "4 dead letters run again\n");
  const deleted = await world.run(["dead", "delete", "--group", refused.key, "--yes"]);
  assert.equal(deleted.stdout, "1 dead letter deleted\n");
  assert.match((await world.run(["dead", "groups"])).stderr, /No dead letters/);
});
