import type { NewJob } from "../domain/job.ts";
import type { InsertResult } from "../storage/driver.ts";
import type { Batcher } from "./batcher.ts";
import { insertBatcher } from "./insert_batcher.ts";
import type { JobdParts } from "./jobd_parts.ts";
import { QueueDefaults } from "./queue_defaults.ts";
import { RemoteLeases } from "./remote/remote_leases.ts";

/** Gathered inserts under way at the same time: while the store commits one, the next is already being sent. */
const INSERT_LANES = 2;

/** What all who use one {@linkcode Jobd} share, whoever they are: their calls are put together. */
export interface Shared {
  /** Settings of queues that jobs need when they are made. */
  readonly defaults: QueueDefaults;
  /** Puts inserts together. */
  readonly inserts: Batcher<NewJob[], InsertResult[]>;
  /** Jobs that may change others take longer, and hold up only each other. */
  readonly contests: Batcher<NewJob[], InsertResult[]>;
  /** Workers elsewhere. */
  readonly leases: RemoteLeases;
}

/** Makes it. */
export function sharedOf(parts: JobdParts): Shared {
  return {
    defaults: new QueueDefaults(parts),
    inserts: insertBatcher(parts.driver, INSERT_LANES),
    contests: insertBatcher(parts.driver, 1),
    leases: new RemoteLeases({ ...parts, defaults: parts.remoteWorkers }),
  };
}
