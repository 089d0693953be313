import assert from "node:assert/strict";
import { JOB_ACTIONS, type JobAction, planAction } from "../../src/domain/amendment.ts";
import { latestExecution } from "../../src/domain/execution.ts";
import type { Job } from "../../src/domain/job.ts";
import { canMove, isFinal, isWaiting, JOB_STATES, type JobState } from "../../src/domain/states.ts";
import { exampleJob } from "../support/example_job.ts";

Deno.test("every state is waiting, running or final", () => {
  const kinds = JOB_STATES.map((
    state,
  ) => [state, isWaiting(state) ? "waiting" : isFinal(state) ? "final" : "running"]);
  assert.deepEqual(Object.fromEntries(kinds), {
    scheduled: "waiting",
    blocked: "waiting",
    available: "waiting",
    running: "running",
    completed: "final",
    dead: "final",
    cancelled: "final",
    expired: "final",
  });
});

Deno.test("only available jobs start, only running jobs complete, final ones can only begin again", () => {
  for (const from of JOB_STATES) {
    assert.equal(canMove(from, "running"), from === "available", from);
    // One whose handler waits may be given its result from outside.
    assert.equal(canMove(from, "completed"), from === "running" || from === "blocked", from);
    assert.equal(canMove(from, "dead"), from === "running" || isWaiting(from), from);
    if (!isFinal(from)) assert.ok(canMove(from, "cancelled") && canMove(from, "expired"), from);
    if (isFinal(from)) assert.deepEqual(JOB_STATES.filter((to) => canMove(from, to)), ["available"], from);
  }
});

/** What an action means in each state: the kind of change, "done", or the reason against it. */
const PLANS: Record<JobAction, Record<JobState, string>> = {
  cancel: {
    scheduled: "cancel",
    blocked: "cancel",
    available: "cancel",
    running: "requestCancel",
    completed: "it is already completed",
    dead: "it is already dead",
    cancelled: "done",
    expired: "it is already expired",
  },
  retry: {
    scheduled: "it is scheduled: only finished, dead and retrying jobs can be retried",
    blocked: "it is blocked: only finished, dead and retrying jobs can be retried",
    available: "it is available: only finished, dead and retrying jobs can be retried",
    running: "it is running: only finished, dead and retrying jobs can be retried",
    completed: "makeAvailable",
    dead: "makeAvailable",
    cancelled: "makeAvailable",
    expired: "makeAvailable",
  },
  run: {
    scheduled: "makeAvailable",
    blocked: "makeAvailable",
    available: "done",
    running: "it is running: only waiting jobs can be run now",
    completed: "it is completed: only waiting jobs can be run now",
    dead: "it is dead: only waiting jobs can be run now",
    cancelled: "it is cancelled: only waiting jobs can be run now",
    expired: "it is expired: only waiting jobs can be run now",
  },
  archive: {
    scheduled: "archive",
    blocked: "archive",
    available: "archive",
    running: "it is running: cancel it first",
    completed: "it is already completed",
    dead: "it is already dead",
    cancelled: "it is already cancelled",
    expired: "it is already expired",
  },
  delete: {
    scheduled: "delete",
    blocked: "delete",
    available: "delete",
    running: "it is running: cancel it first",
    completed: "delete",
    dead: "delete",
    cancelled: "delete",
    expired: "delete",
  },
};

function planned(job: Job, action: JobAction): string {
  const plan = planAction(job, action);
  return plan.kind === "change" ? plan.change.kind : plan.kind === "done" ? "done" : plan.reason;
}

Deno.test("what an operator's action means in each state", () => {
  for (const action of JOB_ACTIONS) {
    for (const state of JOB_STATES) {
      assert.equal(planned(exampleJob({ state }), action), PLANS[action][state], `${action} ${state}`);
    }
  }
  assert.equal(planned(exampleJob({ state: "scheduled", failures: 1 }), "retry"), "makeAvailable");
  assert.equal(planned(exampleJob({ state: "running", cancelRequestedAt: 1 }), "cancel"), "done");
  assert.deepEqual(planAction(exampleJob({ state: "available" }), "delete", "dead"), {
    kind: "refused",
    reason: "it is available, not dead",
  });
  assert.equal(planAction(exampleJob({ state: "dead" }), "delete", "dead").kind, "change");
});

Deno.test("the job row speaks for its latest attempt only while it runs or when that attempt ended it", () => {
  const ran = { attempt: 2, startedAt: 5, finishedAt: 9, worker: "w" };
  assert.equal(latestExecution(exampleJob({ state: "cancelled", attempt: 0, startedAt: null })), null);
  for (const state of ["scheduled", "available", "blocked"] as const) {
    assert.equal(latestExecution(exampleJob({ ...ran, state, finishedAt: null })), null);
  }
  const outcome = (state: JobState, code?: string): unknown => {
    const error = code === undefined ? null : { code, message: "m" };
    const execution = latestExecution(exampleJob({ ...ran, state, error }));
    return [execution?.outcome, execution?.error?.code ?? null];
  };
  assert.deepEqual(outcome("running", "error"), ["running", null]);
  assert.deepEqual(outcome("completed", "error"), ["completed", null]);
  assert.deepEqual(outcome("dead", "error"), ["failed", "error"]);
  assert.deepEqual(outcome("dead", "worker_lost"), ["lost", "worker_lost"]);
  assert.deepEqual(outcome("dead", "interrupted"), ["lost", "interrupted"]);
  assert.deepEqual(outcome("cancelled", "cancelled"), ["cancelled", "cancelled"]);
  assert.deepEqual(outcome("expired", "expired"), ["expired", "expired"]);
});
