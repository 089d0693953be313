import assert from "node:assert/strict";
import { FakeWorld } from "./fake_host.ts";

const HOSTILE = "\u001b[31mred\u0007 \u202e";

Deno.test("a batch from its creation to its end", async () => {
  const world = new FakeWorld();
  assert.match((await world.run(["batches"])).stderr, /No batches\./);
  const report = '{"type":"report","payload":{"of":"mails"}}';
  const created = await world.run([
    ...["batch", "create", "--type", "import", "--origin", "shop", "--meta", '{"file":"a.csv"}'],
    ...["--on-complete", report, "--on-finish", '{"type":"report"}', "--retention", "1h"],
  ]);
  const id = created.stdout.trim();
  assert.match(id, /^[0-9a-f-]{36}$/);
  const lines = { stdin: '{"to":"a"}\n{"to":"b"}\n' };
  assert.match(
    (await world.run(["enqueue", "email", "--bulk", "--batch", id], lines)).stderr,
    /2 jobs enqueued/,
  );
  const single = (await world.run(["enqueue", "email", "--batch", id])).stdout.trim();
  assert.match((await world.run(["job", "show", single])).stdout, new RegExp(`Batch +${id}`));

  assert.match((await world.run(["batches"])).stderr, /^1 open$/m);
  assert.equal((await world.run(["batches", "--json"])).json().counts.open, 1);
  assert.match((await world.run(["batches"])).stdout, /open +import +0 of 3 ended.*shop$/m);
  const shown = await world.run(["batch", "show", id.slice(-8)]);
  assert.match(shown.stdout, /State +open: it waits to be sealed/);
  assert.match(shown.stdout, /On complete +report in default: not yet/);
  assert.match(shown.stdout, /On dead +nothing/);
  const sealed = (await world.run(["batch", "seal", id, "--json"])).json();
  assert.deepEqual([sealed.state, sealed.counts.total, sealed.retentionMs, sealed.meta], [
    "running",
    3,
    3_600_000,
    { file: "a.csv" },
  ]);
  assert.match(
    (await world.run(["batch", "wait", id, "--timeout", "1ms"])).stderr,
    /3 of 3 members are open/,
  );

  const members = (await world.run(["jobs", "--batch", id, "--json"])).json().items;
  const payloads = members.map(({ payload }: { payload: unknown }) => JSON.stringify(payload));
  assert.deepEqual(payloads.sort(), ['{"to":"a"}', '{"to":"b"}', "{}"]);
  await world.run(["job", "archive", single]);
  const [dead] = (await world.run(["dead", "list", "--batch", id, "--json"])).json().items;
  assert.equal(dead.id, single);
  assert.match((await world.run(["batch", "retry", id])).stdout, new RegExp(`${single} runs again`));
  assert.match((await world.run(["batch", "retry", id])).stderr, /No member is dead/);

  assert.match((await world.run(["batch", "cancel", id])).stdout, /State +cancelled/);
  const ended = await world.run(["batch", "wait", id, "--json"]);
  assert.equal(ended.exitCode, 1);
  const { counts, callbacks } = ended.json();
  assert.deepEqual([counts.cancelled, callbacks.finish.enqueued, callbacks.complete.enqueued], [
    3,
    true,
    false,
  ]);
  const callback = (await world.run(["job", "show", callbacks.finish.id])).stdout;
  assert.match(callback, new RegExp(`Batch +${id}: its callback on finish`));
  const late = await world.run(["enqueue", "email", "--batch", id]);
  assert.equal(late.exitCode, 4);
  assert.match(late.stderr, /has ended: it is cancelled/);
  assert.equal((await world.run(["batch", "cancel", id])).exitCode, 0);
});

Deno.test("batches inside a batch are shown with it", async () => {
  const world = new FakeWorld();
  const outer = (await world.run(["batch", "create"])).stdout.trim();
  const inner = (await world.run(["batch", "create", "--parent", outer, "--type", "part"])).stdout.trim();
  assert.match((await world.run(["batch", "show", outer])).stdout, new RegExp(`Batch +${inner} +open +part`));
  assert.equal((await world.run(["batch", "show", outer, "--json"])).json().batches[0].parent, outer);
  const listed = (await world.run(["batches", "--parent", outer, "--json"])).json();
  assert.deepEqual(listed.items.map(({ id }: { id: string }) => id), [inner]);
  await world.run(["batch", "seal", inner]);
  assert.match((await world.run(["batch", "seal", outer])).stdout, /State +completed/);
  assert.equal((await world.run(["batch", "wait", outer])).exitCode, 0);
  assert.match((await world.run(["batches", "--state", "failed"])).stderr, /No such batches/);
  const [first, second] = [
    (await world.run(["batches", "--limit", "1", "--json"])).json(),
    (await world.run(["batches", "--state", "completed", "--type", "part", "--json"])).json(),
  ];
  assert.ok(first.nextCursor);
  assert.deepEqual(second.items.map(({ id }: { id: string }) => id), [inner]);
});

Deno.test("what is wrong with a batch is said with what to do", async () => {
  const world = new FakeWorld();
  const wrong = async (line: string[], exitCode: number, message: RegExp): Promise<void> => {
    const { exitCode: code, stderr } = await world.run(line);
    assert.match(stderr, message);
    assert.equal(code, exitCode, line.join(" "));
  };
  await wrong(["batch", "show", "0000"], 3, /There is no batch/);
  await wrong(["batch", "show", "xyz!"], 2, /Invalid batch id/);
  await wrong(["batch", "create", "--on-complete", "[]"], 2, /not a JSON object/);
  await wrong(["batch", "create", "--on-dead", '{"type":"x","after":"y"}'], 2, /onDead.*cannot have after/);
  await wrong(["batch", "create", "--parent", crypto.randomUUID()], 3, /There is no batch/);
  await wrong(["enqueue", "x", "--batch", "abc"], 2, /whole id of a batch/);
  await wrong(["enqueue", "x", "--batch", crypto.randomUUID()], 3, /There is no batch/);
  const a = (await world.run(["batch", "create"])).stdout.trim();
  await world.run(["batch", "create"]);
  await wrong(["batch", "show", a.slice(0, 6)], 4, /not unique/);
});

Deno.test("what others wrote into a batch does no harm to the terminal", async () => {
  const world = new FakeWorld();
  const id =
    (await world.run(["batch", "create", "--origin", HOSTILE, "--meta", JSON.stringify({ a: HOSTILE })]))
      .stdout.trim();
  for (const line of [["batches"], ["batch", "show", id]]) {
    const { stdout } = await world.run(line);
    // deno-lint-ignore no-control-regex -- that is what must not be there
    assert.doesNotMatch(stdout, /[\u001b\u0007\u202e]/);
    assert.match(stdout, /red/);
  }
});
