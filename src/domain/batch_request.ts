import { type BatchRef, parseBatchRef } from "./batch_ref.ts";
import type { BatchMoment, NewBatch } from "./batch.ts";
import { type Kept, parseKept } from "./retention.ts";
import { invalid, JobdError } from "./errors.ts";
import type { NewJob } from "./job.ts";
import { checkJson, type Json } from "./json.ts";
import { checkName } from "./names.ts";
import type { JobRequest } from "./request.ts";
import { checkText } from "./text.ts";
import { isUuid } from "./uuid.ts";

/** What is said about a batch; everything is optional. */
export interface BatchSettings {
  /** What kind of batch, for people and for filters. @default "batch" */
  type?: string;
  /** Its id, a UUID; repeating a call with its id makes no second batch. @default a fresh UUID of version 7 */
  id?: string;
  /** Who made it; up to 256 characters. */
  origin?: string;
  /** Free data, up to 16 KiB of JSON. */
  meta?: { [key: string]: Json };
  /** The batch in which it counts as one member; refused when that has ended. */
  parent?: BatchRef;
  /** Stays open for more jobs until it is sealed. @default false: it ends when its jobs have */
  open?: boolean;
  /** How long it is kept after its end; it outlives its jobs in any case. @default as jobs that end like it */
  retention?: Kept;
}

/** The jobs of a batch's callbacks. */
export interface BatchCallbacks<Callback = JobRequest> {
  /** Enqueued once, when all members have completed. */
  onComplete?: Callback;
  /** Enqueued once, when all members have ended, however. */
  onFinish?: Callback;
  /** Enqueued once, when the first member is dead. */
  onDead?: Callback;
}

const MOMENT_OF = {
  onComplete: "complete",
  onFinish: "finish",
  onDead: "dead",
} as const satisfies Record<keyof BatchCallbacks, BatchMoment>;
/** The names of callbacks. */
export const CALLBACKS = Object.keys(MOMENT_OF) as (keyof BatchCallbacks)[];

const KNOWN: Record<keyof (BatchSettings & BatchCallbacks), true> = {
  type: true,
  id: true,
  origin: true,
  meta: true,
  parent: true,
  open: true,
  retention: true,
  onComplete: true,
  onFinish: true,
  onDead: true,
};

/** What a callback cannot have: it must be possible to enqueue it when its moment comes, whatever else there is then. */
const REFUSED = ["runAt", "after", "batch", "unique", "uniqueKey", "namespace"] as const;

/** Checks the request of a callback. @throws {JobdError} `invalid_request` */
export function checkCallback(name: keyof BatchCallbacks, request: JobRequest): JobRequest {
  if (typeof request !== "object" || request === null) throw invalid(name, request, "a job");
  const odd = REFUSED.find((field) => request[field] !== undefined);
  if (odd === undefined) return request;
  throw new JobdError("invalid_request", `Invalid ${name}: a callback of a batch cannot have ${odd}`, {
    hint: "It is enqueued when its moment comes, once; its delay counts from then.",
  });
}

/**
 * Reads a batch.
 *
 * @throws {JobdError} `invalid_request` for the first thing that is wrong, naming field, value and what is allowed
 */
export function newBatch(
  settings: BatchSettings & BatchCallbacks<unknown>,
  { namespace, now, id }: { namespace: string; now: number; id: string },
): Omit<NewBatch, "callbacks"> {
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw invalid("batch", settings, "an object");
  }
  const unknown = Object.keys(settings).find((key) => !Object.hasOwn(KNOWN, key));
  if (unknown !== undefined) {
    throw new JobdError("invalid_request", `Unknown field ${JSON.stringify(unknown)} of a batch`, {
      hint: `Known fields: ${Object.keys(KNOWN).join(", ")}.`,
    });
  }
  const { type = "batch", origin, meta = {}, parent, open = false, retention } = settings;
  if (settings.id !== undefined && !isUuid(settings.id)) {
    throw invalid("batch id", settings.id, "a UUID in lower case");
  }
  if (typeof open !== "boolean") throw invalid("open", open, "true or false");
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) {
    throw invalid("meta", meta, "an object");
  }
  checkJson("meta", meta, { maxBytes: 16 * 1024, maxDepth: 16, maxItems: 1000 });
  return {
    id: settings.id ?? id,
    namespace,
    type: checkName("batch type", type),
    origin: origin === undefined ? null : checkText("origin", origin, 256),
    meta,
    parent: parent === undefined ? null : parseBatchRef(parent),
    retentionMs: retention === undefined ? null : parseKept(retention),
    createdAt: now,
    sealedAt: open ? null : now,
  };
}

/** The callbacks by their moments. */
export function callbacksOf(jobs: ReadonlyMap<keyof BatchCallbacks, NewJob>): NewBatch["callbacks"] {
  return Object.fromEntries([...jobs].map(([name, job]) => [MOMENT_OF[name], job]));
}
