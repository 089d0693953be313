import type { Duration } from "../domain/duration.ts";
import { parseDuration } from "../domain/duration.ts";
import type { Jobd } from "../runtime/jobd.ts";
import type { Worker } from "../runtime/worker.ts";
import { handlerList, type WorkerOptions } from "../runtime/worker_options.ts";
import type { ClaimRequest, ClaimResult } from "../storage/driver.ts";
import { intercepted } from "../storage/intercept.ts";
import { WorkerProcess } from "./worker_process.ts";
import type { World } from "./world.ts";

/**
 * A worker of a test, in a process of its own as far as it can tell. It works while time passes. Made by
 * {@linkcode TestJobd.startWorker}.
 */
export class TestWorker implements AsyncDisposable {
  readonly #world: World;
  readonly #process: WorkerProcess;
  readonly #jobd: Jobd;
  readonly #worker: Worker;
  readonly #ids: ReadonlySet<string>;
  #over = false;

  /** Made by {@linkcode startWorker}. */
  constructor(
    parts: { world: World; process: WorkerProcess; jobd: Jobd; worker: Worker; ids: ReadonlySet<string> },
  ) {
    this.#world = parts.world;
    this.#process = parts.process;
    this.#jobd = parts.jobd;
    this.#worker = parts.worker;
    this.#ids = parts.ids;
  }

  /** Jobs that it runs at this moment. */
  get running(): number {
    return this.#over ? 0 : this.#worker.running;
  }

  /**
   * Stops as `worker.stop()` does: running jobs may finish within the time (@default the worker's `shutdownTimeoutMs`),
   * which passes on the clock as far as needed; then they are handed back.
   */
  async stop(options: { timeout?: Duration } = {}): Promise<void> {
    if (this.#over) return;
    const { timeout } = options;
    const { clock } = this.#world.time;
    await clock.until(
      this.#worker.stop(
        timeout === undefined ? {} : { timeoutMs: parseDuration(timeout, "shutdown timeout") },
      ),
    );
    // Its store may be one that does not answer any more.
    await clock.until(this.#jobd.close({ withinMs: CLOSE_MS }));
    this.#end();
  }

  /**
   * Ends it as a power cut would: it says no goodbye, nothing more of it reaches the store, and what it runs goes no
   * further. Others take its jobs back when its leases have ended.
   */
  kill(): void {
    if (this.#over) return;
    this.#process.kill();
    this.#end();
  }

  /** Stops at once; what runs is handed back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ timeout: 0 });
  }

  #end(): void {
    this.#over = true;
    for (const id of this.#ids) this.#world.goneWorkers.add(id);
  }
}

/** How long closing waits for calls, in milliseconds on the clock. */
export const CLOSE_MS = 1_000;
/** Wake-ups always reach a worker in the same process, so it need not poll often. */
const POLL_MS = 60_000;

/** Starts a worker that takes no more jobs than `gate` lets through. */
export async function startWorker(world: World, options: WorkerOptions, gate?: Gate): Promise<TestWorker> {
  const { clock, activity } = world.time;
  const ids = new Set<string>();
  const process = new WorkerProcess(gated(world, ids, gate), clock);
  const processes = world.machine();
  const { onError } = options;
  const jobd = await clock.until(world.open(process.driver, { clock: process.clock, processes }));
  const worker = jobd.worker({
    pollIntervalMs: POLL_MS,
    ...options,
    handlers: handlerList(options.handlers).map((handler) => activity.watched(handler, () => process.alive)),
    onError: (failure) => {
      world.thrown.set(failure.job.id, failure.thrown);
      return onError?.(failure);
    },
  });
  try {
    const started = worker.start();
    // Loading what does the work takes real time, which must not pass on the clock.
    await Promise.race([processes.asked, started]);
    await clock.until(started);
  } catch (error) {
    process.kill();
    throw error;
  }
  return new TestWorker({ world, process, jobd, worker, ids });
}

/** Which jobs may still be started. */
export interface Gate {
  /** How many. */
  left: number;
  /** Of which types. */
  types: readonly string[];
}

function gated(world: World, ids: Set<string>, gate: Gate | undefined): World["driver"] {
  return intercepted(world.driver, async ({ method, args, effect }) => {
    if (method !== "claim" && method !== "claimParked") return await effect();
    const request = args[0] as ClaimRequest;
    ids.add(request.worker);
    if (gate === undefined) return await effect();
    if (gate.left <= 0) return { leaseId: null, jobs: [] } satisfies ClaimResult;
    const limit = Math.min(request.limit, gate.left);
    const claimed = await effect({ ...request, limit, types: [...gate.types] }) as ClaimResult;
    gate.left -= claimed.jobs.length;
    return claimed;
  });
}
