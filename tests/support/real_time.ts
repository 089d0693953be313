import { type Handlers, type Job, Jobd, type Worker, type WorkerOptions } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";

/** A store in memory with a worker on it, in real time: for what happens in other processes. */
export interface Working extends AsyncDisposable {
  readonly jobd: Jobd;
  readonly worker: Worker;
  /** Enqueues a job of this type and waits for its end. */
  run(type: string, request?: object): Promise<Job>;
}

/** Starts a worker in real time that polls often and retries at once. */
export async function working(
  handlers: Handlers,
  { namespace = "default", ...options }: Partial<WorkerOptions> & { namespace?: string } = {},
): Promise<Working> {
  const jobd = await Jobd.open(new MemoryDriver({ now: () => Date.now() }), { namespace });
  const backoff = { baseMs: 1, maxMs: 1, jitter: "none" } as const;
  const worker = jobd.worker({ handlers, pollIntervalMs: 20, backoff, ...options });
  await worker.start();
  return {
    jobd,
    worker,
    run: async (type, request = {}) => {
      const { id } = await jobd.enqueue({ type, ...request });
      return await jobd.jobs.wait(id, { timeoutMs: 10_000 });
    },
    async [Symbol.asyncDispose]() {
      await worker.stop();
      await jobd.close();
    },
  };
}
