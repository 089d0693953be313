import assert from "node:assert/strict";
import { defineJob } from "../../src/mod.ts";
import type { Handler } from "../../src/mod.ts";
import { until } from "../support/process_probe.ts";
import { FakeWorld } from "./fake_host.ts";

const review = defineJob({
  type: "review",
  run: (_, { waitFor }) => waitFor("approval", { timeout: "3d" }),
});

/** Enqueues a job for each handler and lets them run as far as they get. */
async function ran(world: FakeWorld, ...handlers: Handler[]): Promise<string[]> {
  const jobd = await world.jobd();
  const ids: string[] = [];
  for (const { type } of handlers) ids.push((await jobd.enqueue({ type })).id);
  await work(world, handlers, ids);
  return ids;
}

/** Works until none of the jobs can go on by itself. */
async function work(world: FakeWorld, handlers: Handler[], ids: string[]): Promise<void> {
  const jobd = await world.jobd();
  await using worker = jobd.worker({ handlers });
  await worker.start();
  await until("nothing goes on by itself", async () => {
    const jobs = await world.driver.get(ids);
    return jobs.every(({ state }) => !["available", "running"].includes(state));
  });
}

Deno.test("job show tells what a job waits for, since when and until when, and which kind of waiting it is", async () => {
  const world = new FakeWorld();
  const [id = ""] = await ran(world, review);
  const { stdout } = await world.run(["job", "show", id]);
  assert.match(stdout, /State +blocked, waits for "approval"/);
  assert.match(stdout, /Waits\nNAME +KIND +STATUS +SINCE +UNTIL\napproval +answer +open +\S.* +in 2d23h/);
  const shown = (await world.run(["job", "show", id, "--json"])).json();
  assert.deepEqual([shown.state, shown.blockedBy, shown.waitingFor], ["blocked", "wait", "approval"]);
  assert.deepEqual(shown.waits.map(({ name, status }: { name: string; status: string }) => [name, status]), [
    ["approval", "open"],
  ]);
  const child = await world.run(["enqueue", "child", "--after", id]);
  const waiting = await world.run(["job", "show", child.stdout.trim()]);
  assert.match(waiting.stdout, /State +blocked, waits for other jobs/);
  const list = (await world.run(["jobs"])).stdout.split("\n");
  assert.deepEqual(list.flatMap((line) => /waits .*/.exec(line) ?? []).toSorted(), [
    'waits for "approval"',
    "waits for other jobs",
  ]);
});

Deno.test("job resume answers: the job goes on; a second answer is refused, one with the same key is not", async () => {
  const world = new FakeWorld();
  const [id = ""] = await ran(world, review);
  const answer = ["job", "resume", id.slice(-12), "--value", '{"approved":true}', "--key", "k1"];
  const first = await world.run(answer);
  assert.deepEqual([first.exitCode, first.stdout], [0, `${id} goes on ("approval")\n`]);
  const again = await world.run([...answer, "--name", "approval", "--json"]);
  assert.deepEqual([again.exitCode, again.json()], [0, {
    jobId: id,
    name: "approval",
    outcome: "existing",
  }]);
  const other = await world.run(["job", "resume", id, "--name", "approval", "--value", "false"]);
  assert.equal(other.exitCode, 4);
  assert.match(other.stderr, /"approval" was answered already, at 2/);
  await work(world, [review], [id]);
  assert.deepEqual((await world.driver.get([id]))[0]?.result, { approved: true });
});

Deno.test("job resume: an answer ahead, one from a file, and what is wrong with others", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  const { id } = await jobd.enqueue(review, {});
  const nothing = await world.run(["job", "resume", id]);
  assert.equal(nothing.exitCode, 4);
  assert.match(nothing.stderr, /which is available, waits for no answer/);
  const bad = await world.run(["job", "resume", id, "--name", "approval", "--value", "{"]);
  assert.equal(bad.exitCode, 2);
  const kept = await world.run(["job", "resume", id, "--name", "approval", "--value", "@answer.json"], {
    files: { "answer.json": '{"from":"file"}' },
  });
  assert.equal(kept.stdout, `${id} has its answer when it asks for it ("approval")\n`);
  await work(world, [review], [id]);
  assert.deepEqual((await jobd.jobs.get(id)).result, { from: "file" });
  const unknown = await world.run(["job", "resume", `wait_${"A".repeat(48)}`]);
  assert.equal(unknown.exitCode, 3);
});

Deno.test("job complete and job fail end a job that waits, by its id or its token", async () => {
  let token = "";
  const render = defineJob({
    type: "render",
    run: async (_, { waitFor, waitToken }) => {
      ({ token } = await waitToken("render"));
      return await waitFor("render");
    },
  });
  const world = new FakeWorld();
  const [one = "", two = ""] = await ran(world, review, render);
  const completed = await world.run(["job", "complete", token, "--result", '{"frames":9}']);
  assert.deepEqual([completed.exitCode, completed.stdout], [0, `${two} completed\n`]);
  const failed = await world.run(["job", "fail", one, "--error", "No time", "--code", "late", "--json"]);
  assert.deepEqual(failed.json(), { jobId: one, state: "dead" });
  const [dead, done] = await Promise.all([one, two].map(async (id) => (await world.driver.get([id]))[0]));
  assert.deepEqual(done?.result, { frames: 9 });
  assert.deepEqual(dead?.error, { code: "late", message: "No time" });
  const late = await world.run(["job", "complete", one]);
  assert.equal(late.exitCode, 4);
  assert.match(late.stderr, /waits for no answer|it is already dead/);
});

Deno.test("job run does not take a job out of its wait", async () => {
  const world = new FakeWorld();
  const [id = ""] = await ran(world, review);
  const { exitCode, stderr } = await world.run(["job", "run", id]);
  assert.equal(exitCode, 4);
  assert.match(stderr, /its handler waits for "approval": resume it instead/);
});
