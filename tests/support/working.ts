import type { Handlers, Job, Jobd, WorkerOptions } from "../../src/mod.ts";
import { TestJobd, type TestWorker } from "../../src/testing/mod.ts";

/** A store in memory with a worker on it. */
export interface Working extends AsyncDisposable {
  readonly test: TestJobd;
  readonly jobd: Jobd;
  readonly worker: TestWorker;
  /** Lets time pass until a promise settles. */
  until<T>(promise: PromiseLike<T>): Promise<T>;
  /** Enqueues a job of this type and waits for its end. */
  run(type: string, request?: object): Promise<Job>;
}

/** Starts a worker that retries soon. */
export async function working(
  handlers: Handlers,
  { namespace = "default", ...options }: Partial<WorkerOptions> & { namespace?: string } = {},
): Promise<Working> {
  const backoff = { baseMs: 1, maxMs: 1, jitter: "none" } as const;
  const test = await TestJobd.open({ namespace, handlers, worker: { backoff, ...options } });
  const { jobd, clock } = test;
  return {
    test,
    jobd,
    worker: await test.startWorker(),
    until: (promise) => clock.until(promise),
    run: async (type, request = {}) => {
      const { id } = await jobd.enqueue({ type, ...request });
      return await clock.until(jobd.jobs.wait(id));
    },
    [Symbol.asyncDispose]: () => test.close(),
  };
}
