/** Agents that misbehave, under real daemons with the rights they ship with. The numbers are of the fault list. */
import assert from "node:assert/strict";
import { BACKENDS } from "./fleet.ts";
import { alive, outcomes, type Shown } from "./site.ts";
import { agentSite, configure, enqueue, startsOf } from "./witness.ts";

/** What a job is asked to do, and everything that must be true of it afterwards. */
interface Case {
  name: string;
  prompt: string;
  more?: Record<string, unknown>;
  cwd?: string;
  state: string;
  /** How each attempt ended: its outcome, and the code of its failure. */
  attempts: string[];
  /** Pieces of its log. */
  log?: string[];
  result?: Record<string, unknown>;
  message?: RegExp;
}

const twice = { maxAttempts: 2 };
const once = { maxAttempts: 1 };

const CASES: Case[] = [
  {
    name: "17: what it leaves in a session of its own is ended",
    prompt: "family leave",
    state: "completed",
    attempts: ["completed"],
    result: { result: "left" },
    log: ["Ended what the program left behind: "],
  },
  {
    name: "19: stdin is closed",
    prompt: "echo",
    state: "completed",
    attempts: ["completed"],
    log: ["result: success"],
  },
  {
    name: "20: it stays after its result",
    prompt: "stay",
    state: "completed",
    attempts: ["completed"],
    result: { result: "said all", forcedExit: true },
    log: ["said all\nresult: success"],
  },
  {
    name: "21: it says nothing",
    prompt: "silent",
    more: { ...twice, queue: "impatient" },
    state: "dead",
    attempts: ["failed no_output", "failed no_output"],
    message: /^No output for 2s$/,
  },
  {
    name: "21: it begins and then says nothing",
    prompt: "family hang at-first",
    more: { queue: "impatient" },
    state: "completed",
    attempts: ["failed no_output", "completed"],
  },
  {
    name: "22: half a record",
    prompt: "truncated",
    more: twice,
    state: "dead",
    attempts: ["failed no_result", "failed no_result"],
    message: /Ended without a complete result/,
    log: ['"type":"result"'],
  },
  { name: "22: nothing at all", prompt: "empty", more: once, state: "dead", attempts: ["failed no_result"] },
  {
    name: "23: an error with exit code 0",
    prompt: "error at-first",
    state: "completed",
    attempts: ["failed agent_error", "completed"],
  },
  {
    name: "23: the money is spent: not tried again",
    prompt: "budget",
    state: "dead",
    attempts: ["failed budget_stop"],
    message: /Reached maximum budget/,
  },
  {
    name: "24: a timeout ends one that ignores SIGTERM",
    prompt: "family stubborn",
    more: { ...once, timeout: "4s" },
    state: "dead",
    attempts: ["failed timeout"],
  },
  {
    name: "24: one that reports success when it is ended did not succeed",
    prompt: "polite",
    more: { ...once, timeout: "4s" },
    state: "dead",
    attempts: ["failed timeout"],
  },
  {
    name: "25: a line of 40 MB with invalid bytes",
    prompt: "flood",
    state: "completed",
    attempts: ["completed"],
    result: { result: "dry" },
    log: ["x".repeat(1_000), "[... 39934466 characters left out", "\ndry\nresult: success"],
  },
  {
    name: "26: stderr full while stdout is silent",
    prompt: "stderr",
    state: "completed",
    attempts: ["completed"],
    result: { result: "said" },
    log: ["y".repeat(1_000)],
  },
  {
    name: "27: a grandchild holds stdout open",
    prompt: "hold",
    state: "completed",
    attempts: ["completed"],
    result: { result: "held" },
  },
  {
    name: "29: a prompt too long for an argument",
    prompt: `${"lorem ipsum ".repeat(15_000)} ok`,
    state: "completed",
    attempts: ["completed"],
    result: { result: "hello world" },
  },
  {
    name: "29: a folder that does not exist",
    prompt: "ok",
    cwd: "/path/to/project",
    state: "dead",
    attempts: ["failed bad_cwd"],
    message: /"\/path\/to\/project" does not exist/,
  },
  {
    name: "killed by somebody else",
    prompt: "killed at-first",
    state: "completed",
    attempts: ["failed no_result", "completed"],
  },
];

for (const backend of BACKENDS) {
  Deno.test(`${backend}: agents that misbehave end as they should`, async (t) => {
    await using site = await agentSite(backend);
    await configure(site, "impatient.json", { idle: "2s" });
    await site.daemon("jobd start --concurrency 4 --queues default");
    await site.daemon("jobd start --concurrency 4 --queues impatient --config impatient.json");
    const jobd = await site.jobd();
    const requests = CASES.map(({ prompt, cwd, more }) => ({
      type: "claude",
      payload: { prompt, ...(cwd === undefined ? {} : { cwd }) },
      ...more,
    }));
    const ids = (await jobd.enqueueMany(requests)).map(({ id }) => id);
    for (const id of ids) await jobd.jobs.wait(id, { timeoutMs: 180_000 });
    const { items } = await site.json<{ items: Shown[] }>(`jobd job show --lines 10000 ${ids.join(" ")}`);
    for (const [index, expected] of CASES.entries()) {
      await t.step(expected.name, async () => {
        const job = items[index];
        assert.ok(job !== undefined && job.id === ids[index]);
        check(job, expected);
        assert.deepEqual(await alive(job.id), []);
        const starts = await startsOf(site, job.id);
        const ran = job.error?.code === "bad_cwd" ? [] : job.executions.map(({ attempt }) => attempt);
        // Each attempt started its program once, when nothing of an earlier one was left.
        assert.deepEqual(starts, ran.map((attempt) => ({ attempt, others: [] })));
      });
    }
  });

  Deno.test(`${backend}: 29: a program that is missing, is replaced by rubbish, and comes back`, async () => {
    await using site = await agentSite(backend, "swapped");
    await site.daemon("jobd start");
    const id = await enqueue(site, "ok");
    await site.reaches(id, "dead");
    const missing = await site.show(id);
    assert.deepEqual([missing.error?.code, missing.attempt], ["program_not_found", 1]);
    assert.match(missing.error?.message ?? "", /swapped" was not found\. Install it with/);
    await site.program("swapped", "\x7fELF\x01\x02garbage");
    await site.ok(`jobd job retry ${id}`);
    const rubbish = await site.reaches(id, "dead", 2);
    assert.equal(rubbish.error?.code, "not_executable");
    await Deno.remove(`${site.folder}/swapped`);
    await Deno.copyFile(`${site.folder}/agent`, `${site.folder}/swapped`);
    assert.equal(await site.ok("jobd dead retry --all"), "1 dead letter run again");
    await site.reaches(id, "completed", 3);
    const job = await site.show(id);
    assert.deepEqual(outcomes(job), ["failed program_not_found", "failed not_executable", "completed"]);
    assert.equal(job.failures, 0);
  });

  Deno.test(`${backend}: 24, 28: a cancelled agent is gone, with all that it has started`, async () => {
    await using site = await agentSite(backend);
    await site.daemon("jobd start");
    const ids = [await enqueue(site, "family stubborn"), await enqueue(site, "bomb hang")];
    for (const id of ids) await site.logs(id, /session/);
    const done = await site.ok(`jobd job cancel ${ids.join(" ")}`);
    assert.equal(done.split("\n").length, 2);
    for (const id of ids) {
      const { error } = await site.reaches(id, "cancelled");
      assert.equal(error?.code, "cancelled");
      assert.deepEqual(await alive(id), []);
      const job = await site.show(id);
      assert.deepEqual(outcomes(job), ["cancelled cancelled"]);
      assert.equal(job.failures, 0);
    }
  });
}

function check(job: Shown, expected: Case): void {
  assert.deepEqual(
    [job.state, outcomes(job)],
    [expected.state, expected.attempts],
    JSON.stringify(job.error),
  );
  const failed = expected.attempts.filter((attempt) => attempt.startsWith("failed"));
  assert.deepEqual([job.attempt, job.failures], [expected.attempts.length, failed.length]);
  for (const [key, value] of Object.entries(expected.result ?? {})) assert.equal(job.result?.[key], value);
  if (expected.message !== undefined) assert.match(job.error?.message ?? "", expected.message);
  const log = job.log.lines.join("\n");
  for (const piece of expected.log ?? []) {
    assert.ok(log.includes(piece), `${piece.slice(0, 50)} is not in the log`);
  }
  assert.ok(job.finishedAt !== null && job.executions.every(({ finishedAt }) => finishedAt !== null));
}
