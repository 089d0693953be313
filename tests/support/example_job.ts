import type { Job } from "../../src/domain/job.ts";

/** A running job; tests name what matters to them. */
export function exampleJob(changes: Partial<Job> = {}): Job {
  return {
    id: "01900000-0000-7000-8000-000000000001",
    namespace: "default",
    queue: "default",
    type: "test",
    priority: 0,
    state: "running",
    payload: {},
    attempt: 1,
    failures: 0,
    releases: 0,
    maxAttempts: 5,
    createdAt: 1_000,
    runAt: 1_000,
    startedAt: 2_000,
    finishedAt: null,
    expireAt: null,
    cancelRequestedAt: null,
    worker: "worker",
    leaseId: "1",
    waitingFor: null,
    gathering: false,
    options: {},
    progress: null,
    result: null,
    error: null,
    ...changes,
  };
}
