import type { Batch, BatchMoment, BatchState } from "../domain/batch.ts";
import type { BatchCallbacks, BatchSettings } from "../domain/batch_request.ts";
import type { BatchRef } from "../domain/batch_ref.ts";
import type { OneOrMany } from "./job_filter.ts";
import type { DefinedJob, PlainJob } from "./jobd_options.ts";

/** What {@linkcode Jobd.batch} is told besides the jobs. */
export interface BatchOptions<Complete = unknown, Finish = unknown, Dead = unknown> extends BatchSettings {
  /** Enqueued once, when all members have completed: a job, or a definition with its payload. */
  onComplete?: DefinedJob<Complete> | PlainJob;
  /** Enqueued once, when all members have ended, however. */
  onFinish?: DefinedJob<Finish> | PlainJob;
  /** Enqueued once, when the first member is dead. */
  onDead?: DefinedJob<Dead> | PlainJob;
}

/** {@linkcode BatchOptions} whatever the jobs of the callbacks take. */
export type AnyBatchOptions = BatchSettings & BatchCallbacks<DefinedJob<unknown> | PlainJob>;

/** A batch as it is now. */
export interface BatchInfo extends Omit<Batch, "callbacks" | "told"> {
  /** Its callbacks, and whether they have been enqueued. */
  callbacks: { [K in BatchMoment]?: BatchCallbackInfo };
}

/** A callback of a batch. */
export interface BatchCallbackInfo {
  /** The id of the job, which exists when it has been enqueued. */
  id: string;
  /** Its type. */
  type: string;
  /** Its queue. */
  queue: string;
  /** Whether its moment has come. */
  enqueued: boolean;
}

/** Which batches. */
export interface BatchFilter {
  /** Their state. */
  state?: OneOrMany<BatchState>;
  /** Their type. */
  type?: OneOrMany<string>;
  /** Members of this batch. */
  parent?: BatchRef;
}

/** A stored batch as people and programs see it. */
export function toInfo({ callbacks, told, ...batch }: Batch): BatchInfo {
  const infos = Object.entries(callbacks).map(([on, { id, type, queue }]) => [
    on,
    { id, type, queue, enqueued: told.includes(on as BatchMoment) },
  ]);
  return { ...batch, callbacks: Object.fromEntries(infos) };
}
