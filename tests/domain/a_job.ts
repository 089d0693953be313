import type { Job } from "../../src/domain/job.ts";

/** A stored job, for tests of what may happen to one. */
export function aJob(over: Partial<Job> = {}): Job {
  return {
    id: "019b7000-0000-7000-8000-000000000001",
    namespace: "default",
    queue: "default",
    type: "test",
    priority: 0,
    state: "available",
    payload: {},
    attempt: 0,
    failures: 0,
    releases: 0,
    maxAttempts: 3,
    createdAt: 0,
    runAt: 0,
    startedAt: null,
    finishedAt: null,
    expireAt: null,
    cancelRequestedAt: null,
    worker: null,
    leaseId: null,
    options: {},
    progress: null,
    result: null,
    error: null,
    ...over,
  };
}
