import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import {
  BATCH_EVENTS,
  type EventPattern,
  type Interest,
  JOB_EVENTS,
  kindsOf,
  type NewEvent,
  QUEUE_EVENTS,
  SCHEDULE_EVENTS,
  wants,
} from "../../src/domain/event.ts";
import { amendedEvent, endedEvent, enqueuedEvent, startedEvent } from "../../src/domain/job_events.ts";
import { bury, complete, expire, release, retry, snoozeUntil } from "../../src/domain/transition.ts";
import type { Job } from "../../src/domain/job.ts";
import { newJob, T } from "../conformance/world.ts";

const job: Job = {
  ...newJob(1, { queue: "mails", type: "mail" }),
  state: "running",
  attempt: 2,
  failures: 0,
  releases: 0,
  startedAt: T,
  finishedAt: null,
  cancelRequestedAt: null,
  worker: "w",
  leaseId: "1",
  waitingFor: null,
  gathering: false,
  progress: null,
  result: null,
  error: null,
};

Deno.test("patterns stand for kinds, in a fixed order and each once", () => {
  assert.deepEqual(kindsOf(["job.*"]), [...JOB_EVENTS]);
  assert.deepEqual(kindsOf(["queue.*"]), [...QUEUE_EVENTS]);
  assert.deepEqual(kindsOf(["*", "job.dead"]), [
    ...JOB_EVENTS,
    ...QUEUE_EVENTS,
    ...SCHEDULE_EVENTS,
    ...BATCH_EVENTS,
  ]);
  assert.deepEqual(kindsOf(["batch.*"]), [...BATCH_EVENTS]);
  assert.deepEqual(kindsOf(["queue.paused", "job.dead", "job.dead"]), ["job.dead", "queue.paused"]);
  for (const wrong of [[], ["job."], ["job.de*"], ["dead"], ["**"], [""]]) {
    assert.throws(
      () => kindsOf(wrong as EventPattern[]),
      (error) =>
        error instanceof JobdError && error.code === "invalid_request" &&
        /job\.completed/.test(error.message),
    );
  }
});

Deno.test("an interest wants what fits all that it says", () => {
  const event = enqueuedEvent(newJob(1, { queue: "mails", type: "mail" }), "available");
  const queue: NewEvent = { kind: "queue.paused", at: T, namespace: "default", queue: "mails" };
  const all: Interest = { namespace: "default", kinds: ["job.enqueued", "queue.paused"] };
  const { id } = newJob(1);
  const table: [Partial<Interest>, boolean, boolean][] = [
    [{}, true, true],
    [{ namespace: "other" }, false, false],
    [{ kinds: ["queue.paused"] }, false, true],
    [{ queues: ["mails", "b"] }, true, true],
    [{ queues: ["b"] }, false, false],
    [{ types: ["mail"] }, true, false],
    [{ types: ["other"] }, false, false],
    [{ jobs: [id] }, true, false],
    [{ jobs: [] }, false, false],
    [{ jobs: [id], queues: ["b"] }, false, false],
  ];
  for (const [part, job, paused] of table) {
    assert.deepEqual([wants({ ...all, ...part }, event), wants({ ...all, ...part }, queue)], [job, paused]);
  }
});

Deno.test("each end of an attempt is told as what follows from it", () => {
  const error = { code: "boom", message: "it broke" };
  const told = (transition: Parameters<typeof endedEvent>[0], rescued = false): string => {
    const event = endedEvent(transition, rescued);
    assert.ok("state" in event && event.jobId === job.id && event.queue === "mails" && event.type === "mail");
    return `${event.kind} ${event.state} ${event.runAt ?? ""} ${event.error?.code ?? ""}`.trimEnd();
  };
  assert.deepEqual([
    told(complete(job, T, "a secret result")),
    told(retry(job, T, { runAt: 7, error, lost: false })),
    told(retry(job, T, { runAt: 7, error, lost: true }), true),
    told(bury(job, T, { error, lost: true }), true),
    told(snoozeUntil(job, T, 8, null)),
    told(release(job, T)),
    told(expire(job, T, error)),
  ], [
    "job.completed completed",
    "job.retrying scheduled 7 boom",
    "job.rescued scheduled 7 boom",
    "job.dead dead  boom",
    "job.snoozed scheduled 8",
    "job.released available",
    "job.expired expired  boom",
  ]);
  assert.ok(!JSON.stringify(endedEvent(complete(job, T, "a secret result"), false)).includes("secret"));
});

Deno.test("of a failure the code and the first line are told, cut to size, and nothing else of it", () => {
  const error = { code: "boom", message: `\n${"😀".repeat(300)}\nmore`, stack: "at x", data: { secret: 1 } };
  const event = endedEvent(bury(job, T, { error, lost: false }), false);
  assert.ok("error" in event && event.error);
  assert.deepEqual(Object.keys(event.error), ["code", "message"]);
  assert.ok(event.error.message.length === 200 && event.error.message.isWellFormed());
});

Deno.test("who made the job is told with each of its events, if that was said", () => {
  const made = { ...job, options: { origin: "shop" } };
  const amend = { id: job.id, from: job.state, attempt: 2, at: T, change: { kind: "delete" } } as const;
  const events = (one: Job): (NewEvent | undefined)[] => [
    enqueuedEvent(one, "available"),
    startedEvent(one, T),
    endedEvent(complete(one, T, null), false),
    endedEvent(retry(one, T, { runAt: T, error: { code: "e", message: "m" }, lost: false }), false),
    amendedEvent(one, amend),
  ];
  const origins = (one: Job) => events(one).map((event) => event && "origin" in event && event.origin);
  assert.deepEqual(origins(made), ["shop", "shop", "shop", "shop", "shop"]);
  assert.deepEqual(origins(job), [false, false, false, false, false]);
});

Deno.test("what an operator does is told, but not that a running job is asked to stop", () => {
  const told = (change: Parameters<typeof amendedEvent>[1]["change"]) => {
    const event = amendedEvent(job, { id: job.id, from: job.state, attempt: 2, at: T, change });
    return event && "state" in event ? [event.kind, event.state] : event;
  };
  assert.deepEqual(told({ kind: "cancel", reason: "x" }), ["job.cancelled", "cancelled"]);
  assert.deepEqual(told({ kind: "expire" }), ["job.expired", "expired"]);
  assert.deepEqual(told({ kind: "archive" }), ["job.dead", "dead"]);
  assert.deepEqual(told({ kind: "makeAvailable" }), ["job.requeued", "available"]);
  assert.deepEqual(told({ kind: "reviveWith", set: { payload: 1 } }), ["job.requeued", "available"]);
  assert.deepEqual(told({ kind: "reviveWith", set: { runAt: T + 1 } }), ["job.requeued", "scheduled"]);
  const change = { kind: "reviveWith", set: { queue: "slow" } } as const;
  const moved = amendedEvent(job, { id: job.id, from: job.state, attempt: 2, at: T, change });
  assert.ok(moved !== undefined && "queue" in moved);
  assert.equal(moved.queue, "slow");
  assert.deepEqual(told({ kind: "delete" }), ["job.deleted", "running"]);
  assert.equal(told({ kind: "requestCancel" }), undefined);
});
