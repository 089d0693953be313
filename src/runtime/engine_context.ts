import type { Clock } from "../domain/clock.ts";
import type { Driver } from "../storage/driver.ts";
import type { Keyring } from "./encryption/keyring.ts";
import type { NewJobs } from "./follow_ups.ts";
import type { JobdParts } from "./jobd_parts.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { ProcessWatch } from "./process/identity.ts";
import type { StoreTime } from "./store_time.ts";
import type { WatchdogStore } from "./watchdog.ts";
import type { LoadedModules } from "./worker_modules.ts";

/** What somebody gets who looks after a store, from the program around. */
export interface UpkeepContext {
  /** The store. */
  driver: Driver;
  /** The tenant. */
  namespace: string;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  time: StoreTime;
  /** A number in [0, 1). */
  random(): number;
  /** Unique for this start. */
  id: string;
  /** This process, and the others of this machine. */
  processes: ProcessWatch;
  /** Makes jobs of requests. */
  newJobs: NewJobs;
  /** Reads and writes encrypted jobs. */
  keyring: Keyring;
  /** Cancels jobs. */
  cancel(jobIds: string[]): Promise<unknown>;
  /** Where the worker says what it does. */
  log: Logger;
  /** How a thread reaches the same store; undefined when it cannot. */
  store: WatchdogStore | undefined;
}

/** What an engine gets. */
export interface EngineContext extends UpkeepContext {
  /** Stores the schedules that the program brings along. */
  declareSchedules(): Promise<void>;
  /** Handlers from files, which may have processes of their own. */
  modules?: LoadedModules;
}

/** The context of something that starts now in this program. */
export async function contextOf(
  parts: JobdParts,
  { log = silentLogger, ...calls }: Pick<UpkeepContext, "newJobs" | "cancel"> & { log: Logger | undefined },
): Promise<UpkeepContext> {
  const { driver, keyring, clock, time, random, namespace, ids, store } = parts;
  const processes = parts.processes ?? await thisMachine();
  const { host, pid } = await processes.identity();
  const id = `${host}:${pid}:${ids.next(time.now()).slice(-8)}`;
  return { driver, keyring, clock, time, random, namespace, store, processes, id, log, ...calls };
}

async function thisMachine(): Promise<ProcessWatch> {
  const { Machine } = await import("./process/machine.ts");
  return Machine.here();
}
