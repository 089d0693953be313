import type { Actor } from "../domain/audit.ts";
import type { Clock } from "../domain/clock.ts";
import type { Duration } from "../domain/duration.ts";
import type { JobRequest } from "../domain/request.ts";
import type { StatRow } from "../domain/stat.ts";
import type { QueueCount } from "../storage/driver.ts";
import type { OpenDriverOptions } from "../storage/open.ts";
import type { EnqueueOptions, JobDefinition, Within } from "./definition.ts";
import type { EncryptionOptions } from "./encryption/keys.ts";
import type { JobIds } from "./ids.ts";
import type { Logger } from "./logger.ts";
import type { ProcessWatch } from "./process/identity.ts";
import type { RemoteWorkerDefaults } from "./remote/options.ts";
import type { Spread } from "./spread.ts";

/** Options of {@linkcode Jobd.open}. */
export interface OpenOptions extends OpenDriverOptions {
  /** Create or update the schema first. @default false */
  migrate?: boolean;
  /** The tenant whose queues and jobs this object sees. @default "default" */
  namespace?: string;
  /** Attempts of jobs when neither they nor their queue says so. @default 5 */
  maxAttempts?: number;
  /** Time; tests give their own. @default the system's */
  clock?: Clock;
  /** Numbers in [0, 1); tests give their own. @default the system's */
  random?: () => number;
  /** Where ids of jobs come from; tests give their own. @default UUIDs of version 7 */
  ids?: JobIds;
  /** What workers ask about processes; tests give their own. @default this machine's */
  processes?: ProcessWatch;
  /**
   * Names of keys whose values nobody sees in jobs and schedules, at any depth, however a name is written, unless the program
   * asks for them: see `redact` for what one job keeps to itself. @default none
   */
  redactKeys?: readonly string[];
  /** Where it says what goes wrong behind your back, such as a listener that throws. Workers have their own. @default nowhere */
  log?: Logger;
  /** Whom the audit log names for what operators do by this object, such as `{ name: "nightly-cleanup" }`. @default nobody */
  actor?: Partial<Actor>;
  /** What holds for jobs of programs elsewhere, that claim them by leases, when neither they nor their queue says so. */
  remoteWorkers?: RemoteWorkerDefaults;
  /** Keys for jobs whose payloads, results and steps are stored encrypted. @default none: such jobs cannot be read here */
  encryption?: EncryptionOptions;
}

/** One job of {@linkcode Jobd.enqueueMany} that says everything itself. */
export type PlainJob = JobRequest & { job?: never };

/** One job of {@linkcode Jobd.enqueueMany} by its definition. */
export type DefinedJob<Input> = EnqueueOptions & {
  /** The definition. */
  job: JobDefinition<Input>;
  /** Its payload. */
  payload: NoInfer<Input>;
};

/** Options of {@linkcode Jobd.enqueueMany}. */
export interface BulkOptions extends Within {
  /** Starts that are distributed evenly over this time, from now on or from the start that a job asks for. */
  spread?: Duration | Spread;
}

/** Options of {@linkcode Jobd.stats}. */
export interface StatsOptions {
  /** How far back `rows` go, in milliseconds. @default 3600000 */
  sinceMs?: number;
  /** Ended runs are put together by this much time, in whole minutes: 86400000 gives a row for each day in UTC. @default 60000 */
  stepMs?: number;
}

/** Numbers about a namespace. */
export interface Stats {
  /** The store's time, epoch milliseconds. */
  at: number;
  /** Jobs by queue and state, capped. */
  counts: QueueCount[];
  /** From when on `rows` tell, epoch milliseconds. */
  since: number;
  /** Ended runs by minute (or step), queue, type and outcome; those of long ago by the hour or the day. */
  rows: StatRow[];
}
