import assert from "node:assert/strict";
import { FakeWorld, type Ran } from "./fake_host.ts";

/** Runs `jobd events` until somebody has done something and so many lines were printed. */
async function watched(
  world: FakeWorld,
  { args, lines }: { args: string[]; lines: number },
  act: () => Promise<unknown>,
): Promise<Ran> {
  const printed = Promise.withResolvers<void>();
  let left = lines;
  const running = world.run(["events", ...args], { onOutput: () => --left === 0 && printed.resolve() });
  while ((await world.driver.watchers()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await act();
  await printed.promise;
  world.signal("SIGINT");
  return await running;
}

Deno.test("jobd events prints a line for each event until Ctrl-C", async () => {
  const world = new FakeWorld();
  const ran = await watched(world, { args: [], lines: 3 }, async () => {
    const jobd = await world.jobd();
    const { id } = await jobd.enqueue({ type: "mail", delay: "1h" });
    await jobd.jobs.cancel(id);
    await jobd.queues.pause("default");
  });
  assert.equal(ran.exitCode, 130, ran.stderr);
  const lines = ran.stdout.trimEnd().split("\n");
  assert.equal(lines.length, 3);
  assert.match(
    lines[0] ?? "",
    /^ +1 {2}\d{4}-.*Z {2}job\.enqueued +[0-9a-f-]{36} {2}mail {2}default {2}runs at 20/,
  );
  assert.match(lines[1] ?? "", /^ +2 .* job\.cancelled .*cancelled: Cancelled on request$/);
  assert.match(lines[2] ?? "", /^ +3 .* queue\.paused +default$/);
});

Deno.test("jobd events --json prints one object a line, filtered, and goes on after an event", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  const { id } = await jobd.enqueue({ type: "mail", delay: "1h" });
  const args = ["--json", "--job", id.slice(-12), "--kind", "job.*", "--queue", "default"];
  const ran = await watched(world, { args, lines: 1 }, async () => {
    await jobd.enqueue({ type: "mail" });
    await jobd.jobs.cancel(id);
  });
  const { at, ...event } = ran.json();
  assert.match(at, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual(event, {
    id: 1,
    kind: "job.cancelled",
    namespace: "default",
    queue: "default",
    jobId: id,
    type: "mail",
    attempt: 0,
    state: "cancelled",
    error: { code: "cancelled", message: "Cancelled on request" },
  });
  const again = await watched(
    world,
    { args: ["--json", "--after", "0"], lines: 1 },
    () => Promise.resolve(),
  );
  assert.equal(again.json().id, 1);
  const late = await watched(world, { args: ["--after", "99"], lines: 1 }, () => jobd.enqueue({ type: "x" }));
  assert.match(late.stderr, /Some events after 99 may be missing/);
  await jobd.close();
});

Deno.test("jobd events refuses kinds and jobs that are not there", async () => {
  const world = new FakeWorld();
  const wrong = await world.run(["events", "--kind", "job.done"]);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /job\.completed/);
  assert.equal((await world.run(["events", "--job", "ffffffff"])).exitCode, 3);
  assert.equal((await world.run(["events", "--after", "yesterday"])).exitCode, 2);
});
