import type { Backoff } from "../../domain/backoff.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Job } from "../../domain/job.ts";
import type { Driver } from "../../storage/driver.ts";
import type { Keyring } from "../encryption/keyring.ts";
import type { Gatekeeper } from "../gatekeeper.ts";
import type { Logger } from "../logger.ts";
import type { QueueSettingsCache } from "../queue_settings.ts";
import type { RemoteWorkerDefaults } from "./options.ts";

/** What the parts that serve remote workers share. */
export interface RemoteContext {
  /** The store. */
  driver: Driver;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /** The tenant. */
  namespace: string;
  /** Reads and writes encrypted jobs. */
  keyring: Keyring;
  /** Knows which jobs have limits. */
  gatekeeper: Gatekeeper;
  /** Settings of the queues. */
  queues: QueueSettingsCache;
  /** What holds when neither a job nor its queue says so. */
  defaults: Required<RemoteWorkerDefaults>;
  /** Where trouble is said. */
  log: Logger;
}

/** How long to wait after a failure of a job that does not say so itself. */
export function backoffOf({ queues, defaults }: RemoteContext, { queue }: Job): Backoff {
  return queues.of(queue).backoff ?? defaults.backoff;
}

/** When an attempt must have ended, by the store's clock. */
export function deadlineOf({ queues, defaults }: RemoteContext, job: Job): number {
  const timeoutMs = job.options.timeoutMs ?? queues.of(job.queue).timeoutMs ?? defaults.timeoutMs;
  return Math.min((job.startedAt ?? 0) + timeoutMs, job.expireAt ?? Infinity);
}
