import assert from "node:assert/strict";
import { decide, type DecideContext, FREE_RELEASES } from "../../src/domain/decide.ts";
import type { Job } from "../../src/domain/job.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { failureLeft } from "../../src/domain/transition.ts";
import { canMove } from "../../src/domain/states.ts";
import { exampleJob } from "../support/example_job.ts";

const NOW = 1_000_000;
const context: DecideContext = {
  now: NOW,
  random: 0.5,
  backoff: { baseMs: 1_000, maxMs: 60_000, jitter: "none" },
};
const error = { code: "error", message: "it broke" };

function running(over: Partial<Job> = {}): Job {
  return exampleJob({ state: "running", attempt: 4, failures: 1, releases: 0, maxAttempts: 3, ...over });
}

/** Every outcome, and what follows it for a job with failures to spare and for one at its last. */
const TABLE: { outcome: Outcome; spare: string; last: string }[] = [
  {
    outcome: { kind: "completed", result: 1 },
    spare: "completed completed 1",
    last: "completed completed 2",
  },
  { outcome: { kind: "failed", error }, spare: "scheduled failed 2", last: "dead failed 3" },
  { outcome: { kind: "failed", error, permanent: true }, spare: "dead failed 2", last: "dead failed 3" },
  {
    outcome: { kind: "failed", error, permanent: false },
    spare: "scheduled failed 2",
    last: "dead failed 3",
  },
  { outcome: { kind: "failed", error, retryInMs: 7 }, spare: "scheduled failed 2", last: "dead failed 3" },
  {
    outcome: { kind: "failed", error, transient: true },
    spare: "scheduled failed 1",
    last: "scheduled failed 2",
  },
  {
    outcome: { kind: "failed", error, transient: true, permanent: true },
    spare: "dead failed 2",
    last: "dead failed 3",
  },
  { outcome: { kind: "snoozed", until: NOW + 9 }, spare: "scheduled snoozed 1", last: "scheduled snoozed 2" },
  { outcome: { kind: "snoozed", delayMs: 5 }, spare: "scheduled snoozed 1", last: "scheduled snoozed 2" },
  { outcome: { kind: "released" }, spare: "available released 1", last: "available released 2" },
  { outcome: { kind: "lost", message: "gone" }, spare: "scheduled lost 2", last: "dead lost 3" },
  { outcome: { kind: "died", error }, spare: "scheduled lost 2", last: "dead lost 3" },
  { outcome: { kind: "cancelled" }, spare: "cancelled cancelled 1", last: "cancelled cancelled 2" },
  { outcome: { kind: "expired" }, spare: "expired expired 1", last: "expired expired 2" },
];

Deno.test("what follows each outcome, with failures to spare and at the limit", () => {
  for (const { outcome, spare, last } of TABLE) {
    for (const [failures, expected] of [[1, spare], [2, last]] as const) {
      const job = running({ failures });
      const transition = decide(job, outcome, context);
      assert.equal(`${transition.to} ${transition.outcome} ${transition.failures}`, expected, outcome.kind);
      assert.deepEqual([transition.id, transition.attempt, transition.at], [job.id, 4, NOW]);
      assert.ok(canMove("running", transition.to));
    }
  }
});

Deno.test("a job whose cancellation was requested ends as cancelled, whatever the attempt gave", () => {
  for (const { outcome } of TABLE) {
    for (const failures of [0, 2]) {
      const transition = decide(running({ failures, cancelRequestedAt: NOW - 1 }), outcome, context);
      assert.deepEqual(
        [transition.to, transition.outcome, transition.failures, transition.error],
        ["cancelled", "cancelled", failures, { code: "cancelled", message: "Cancelled on request" }],
      );
    }
  }
  const transition = decide(running(), { kind: "cancelled", reason: "why not" }, context);
  assert.deepEqual(transition.error, { code: "cancelled", message: "why not" });
});

Deno.test("a retry waits for the job's backoff, else the default one, else as long as the handler says", () => {
  const at = (job: Job, outcome: Outcome): unknown => {
    const transition = decide(job, outcome, context);
    assert.equal(transition.to, "scheduled");
    return transition.to === "scheduled" && [transition.runAt - NOW, transition.error?.retryInMs];
  };
  assert.deepEqual(at(running(), { kind: "failed", error }), [2_000, 2_000]);
  assert.deepEqual(at(running(), { kind: "lost", message: "gone" }), [2_000, 2_000]);
  assert.deepEqual(at(running(), { kind: "failed", error, retryInMs: 7 }), [7, 7]);
  assert.deepEqual(at(running(), { kind: "failed", error, retryInMs: 0 }), [0, 0]);
  const backoff = { baseMs: 50, maxMs: 60, jitter: "none" } as const;
  assert.deepEqual(at(running({ options: { backoff } }), { kind: "failed", error }), [60, 60]);
  assert.deepEqual(at(running(), { kind: "failed", error, transient: true }), [2_000, 2_000]);
  assert.deepEqual(at(running(), { kind: "failed", error, transient: true, retryInMs: 7 }), [7, 7]);
  assert.deepEqual(at(running(), { kind: "snoozed", delayMs: 5 }), [5, undefined]);
  assert.deepEqual(at(running(), { kind: "snoozed", until: NOW + 9 }), [9, undefined]);
});

Deno.test("decorrelated jitter starts from the delay before", () => {
  const backoff = { baseMs: 100, maxMs: 10_000, jitter: "decorrelated" } as const;
  const job = running({ options: { backoff }, error: { ...error, retryInMs: 300 } });
  const transition = decide(job, { kind: "failed", error }, context);
  assert.equal(transition.to === "scheduled" && transition.runAt - NOW, 500);
});

Deno.test("hand-backs are free up to a point, then each counts as a failure", () => {
  for (let releases = 0; releases < FREE_RELEASES; releases++) {
    const transition = decide(running({ releases }), { kind: "released" }, context);
    assert.deepEqual([transition.to, transition.releases, transition.failures], [
      "available",
      releases + 1,
      1,
    ]);
  }
  const over = decide(running({ releases: FREE_RELEASES }), { kind: "released" }, context);
  assert.deepEqual([over.to, over.outcome, over.failures, over.error?.code], [
    "scheduled",
    "lost",
    2,
    "interrupted",
  ]);
  const last = decide(running({ releases: FREE_RELEASES, failures: 2 }), { kind: "released" }, context);
  assert.equal(last.to, "dead");
});

Deno.test("the result and the error of the attempt are kept", () => {
  const completed = decide(running(), { kind: "completed", result: { a: 1 } }, context);
  assert.deepEqual(completed.to === "completed" && completed.result, { a: 1 });
  assert.equal(completed.error, null);
  const full = { code: "mine", message: "m", stack: "s", causes: ["c"], data: { x: 1 } };
  const dead = decide(running(), { kind: "failed", error: full, permanent: true }, context);
  assert.deepEqual(dead.error, full);
  const lost = decide(running(), { kind: "lost", message: "gone" }, context);
  assert.deepEqual([lost.error?.code, lost.error?.message], ["worker_lost", "gone"]);
  assert.equal(decide(running(), { kind: "snoozed", delayMs: 1 }, context).error, null);
  const putOff = decide(running(), { kind: "snoozed", delayMs: 1, reason: "slow\u0000down" }, context);
  assert.deepEqual([putOff.error, failureLeft(putOff)], [
    { code: "snoozed", message: "slow\uFFFDdown" },
    null,
  ]);
  assert.deepEqual(failureLeft(dead), full);
});

Deno.test("deaths of its process in a row end a job early; anything else between them starts the count again", () => {
  let job = running({ failures: 0, maxAttempts: 100 });
  const after = (outcome: Outcome, maxDeaths?: number) => {
    const transition = decide(job, outcome, {
      ...context,
      ...(maxDeaths === undefined ? {} : { maxDeaths }),
    });
    job = { ...job, failures: transition.failures, error: failureLeft(transition) ?? job.error };
    return `${transition.to} ${transition.outcome} ${transition.error?.code} ${
      transition.error?.deaths ?? "-"
    }`;
  };
  const died: Outcome = { kind: "died", error };
  assert.equal(after(died), "scheduled lost process_died 1");
  assert.equal(after({ kind: "failed", error }), "scheduled failed error -");
  assert.equal(after(died), "scheduled lost process_died 1");
  // Neither a hand-back nor a snooze says anything about the job.
  assert.equal(after({ kind: "released" }), "available released undefined -");
  assert.equal(after({ kind: "snoozed", delayMs: 1, reason: "later" }), "scheduled snoozed snoozed -");
  assert.equal(after(died), "scheduled lost process_died 2");
  assert.equal(after(died, 4), "scheduled lost process_died 3");
  assert.equal(after(died), "dead lost process_died 4");
});
