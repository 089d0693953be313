import type { Clock } from "../domain/clock.ts";
import type { Driver } from "../storage/driver.ts";
import type { Keyring } from "./encryption/keyring.ts";
import type { NewJobs } from "./follow_ups.ts";
import type { Logger } from "./logger.ts";
import type { ProcessWatch } from "./process/identity.ts";
import type { StoreTime } from "./store_time.ts";
import type { WatchdogStore } from "./watchdog.ts";
import type { LoadedModules } from "./worker_modules.ts";

/** What an engine gets from the program around it. */
export interface EngineContext {
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
  /** Stores the schedules that the program brings along. */
  declareSchedules(): Promise<void>;
  /** Where the worker says what it does. */
  log: Logger;
  /** Handlers from files, which may have processes of their own. */
  modules?: LoadedModules;
  /** How a thread reaches the same store; absent when it cannot. */
  store?: WatchdogStore;
}
