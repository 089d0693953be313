import assert from "node:assert/strict";
import type { Handler } from "../../src/runtime/handler.ts";
import { discard } from "../../src/runtime/handler.ts";
import { FakeWorld, type Ran } from "./fake_host.ts";

async function withWorker(world: FakeWorld, handlers: Handler[], work: () => Promise<Ran>): Promise<Ran> {
  const jobd = await world.jobd();
  const worker = jobd.worker({ handlers, pollIntervalMs: 20 });
  await worker.start();
  try {
    return await work();
  } finally {
    await worker.stop();
  }
}

const GREET: Handler = {
  type: "greet",
  run(_, context) {
    context.log("\u001b[1mhello\u001b[0m\n");
    return Promise.resolve({ said: "hello" });
  },
};
const REFUSE: Handler = { type: "refuse", run: () => Promise.resolve(discard("no \u001b[31mway")) };

Deno.test("enqueue --wait prints the result and exits 0", async () => {
  const world = new FakeWorld();
  const ran = await withWorker(world, [GREET], () => world.run(["enqueue", "greet", "--wait"]));
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual(ran.json(), { said: "hello" });
  assert.match(ran.stderr, /^Job [0-9a-f-]{36}\n$/);
});

Deno.test("enqueue --wait --json prints the whole job", async () => {
  const world = new FakeWorld();
  const ran = await withWorker(world, [GREET], () => world.run(["enqueue", "greet", "--wait", "--json"]));
  assert.equal(ran.json().state, "completed");
  assert.deepEqual(ran.json().result, { said: "hello" });
});

Deno.test("enqueue --follow streams the log on stderr, then prints the result", async () => {
  const world = new FakeWorld();
  const ran = await withWorker(world, [GREET], () => world.run(["enqueue", "greet", "--follow"]));
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.match(ran.stderr, /^hello$/m);
  assert.deepEqual(ran.json(), { said: "hello" });
});

Deno.test("enqueue --wait exits 1 with the reason when the job ends otherwise", async () => {
  const world = new FakeWorld();
  const ran = await withWorker(world, [REFUSE], () => world.run(["enqueue", "refuse", "--wait"]));
  assert.equal(ran.exitCode, 1);
  assert.equal(ran.stdout, "");
  assert.match(ran.stderr, /jobd: The job is dead after 1 failed run: no \\u001b\[31mway\nhint: /);
});

Deno.test("Ctrl-C while waiting leaves the job alone and says so", async () => {
  const world = new FakeWorld();
  const waiting = world.run(["enqueue", "greet", "--wait"]);
  const jobd = await world.jobd();
  while ((await jobd.jobs.page({ limit: 1 })).items.length === 0) {
    await new Promise((next) => setTimeout(next, 5));
  }
  while (!world.listening("SIGINT")) await new Promise((next) => setTimeout(next, 5));
  world.signal("SIGINT");
  const ran = await waiting;
  assert.equal(ran.exitCode, 130);
  assert.match(ran.stderr, /No longer waiting; the job goes on/);
  assert.equal((await jobd.jobs.page({ limit: 1 })).items[0]?.state, "available");
});

Deno.test("job logs -f follows until the job has ended", async () => {
  const world = new FakeWorld();
  const { id } = await (await world.jobd()).enqueue({ type: "greet" });
  const ran = await withWorker(world, [GREET], () => world.run(["job", "logs", id, "-f"]));
  assert.equal(ran.stdout, "hello\n");
  const lines = await world.run(["job", "logs", id, "-f", "--json"]);
  assert.equal(JSON.parse(lines.stdout.split("\n")[0] ?? "").text, "\u001b[1mhello\u001b[0m\n");
  const shown = await world.run(["job", "show", id, "--json"]);
  assert.deepEqual(shown.json().log, { lines: ["\u001b[1mhello\u001b[0m"], more: false });
});
