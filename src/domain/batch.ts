import { JobdError } from "./errors.ts";
import type { Job, NewJob } from "./job.ts";
import type { Json } from "./json.ts";
import type { Retention } from "./queue.ts";

/**
 * Where a batch is in its life: `open` may still get jobs from whoever made it and does not end before it is sealed,
 * `running` waits for its members to end, the others are its ends: all members have completed, some have not, it was
 * cancelled.
 */
export const BATCH_STATES = ["open", "running", "completed", "failed", "cancelled"] as const;
/** One of {@linkcode BATCH_STATES}. */
export type BatchState = (typeof BATCH_STATES)[number];

/** How a member of a batch may end. A batch is a member of the one around it. */
export const MEMBER_ENDS = ["completed", "dead", "cancelled", "expired", "deleted"] as const;
/** One of {@linkcode MEMBER_ENDS}; those that were deleted before they had ended are counted too. */
export type MemberEnd = (typeof MEMBER_ENDS)[number];

/**
 * When a callback of a batch is enqueued: all members have completed; all have ended, however; the first one is dead. Each
 * at most once in the life of the batch.
 */
export const BATCH_MOMENTS = ["complete", "finish", "dead"] as const;
/** One of {@linkcode BATCH_MOMENTS}. */
export type BatchMoment = (typeof BATCH_MOMENTS)[number];

/** The members of a batch by how they have ended; the rest of the total is open. */
export type BatchCounts = { total: number; open: number } & Record<MemberEnd, number>;

/** What a callback is told of its batch, as it was at that moment. */
export interface BatchReport {
  /** The batch. */
  batch: string;
  /** Its type. */
  type: string;
  /** Which callback this is. */
  on: BatchMoment;
  /** The state of the batch. */
  state: BatchState;
  /** Its members. */
  counts: BatchCounts;
}

/** Jobs that are tracked as one unit, as they are stored. Instants are epoch milliseconds by the store's clock. */
export interface Batch {
  /** A UUID of version 7. */
  id: string;
  /** The tenant it belongs to. */
  namespace: string;
  /** What kind of batch, for people and for filters. */
  type: string;
  /** Where it is in its life. */
  state: BatchState;
  /** Who made it. */
  origin: string | null;
  /** Free data. */
  meta: { [key: string]: Json };
  /** The batch in which this one counts as a member. */
  parent: string | null;
  /** Its members. */
  counts: BatchCounts;
  /** Jobs to be enqueued at certain moments: complete, with their ids. */
  callbacks: { [K in BatchMoment]?: NewJob };
  /** The moments that have come. */
  told: BatchMoment[];
  /** How long it is kept after its end, in milliseconds; null for as long as a job that ends like it by default. */
  retentionMs: number | null;
  /** When it was made. */
  createdAt: number;
  /** When whoever made it had added all jobs. */
  sealedAt: number | null;
  /** When somebody asked to cancel it. */
  cancelRequestedAt: number | null;
  /** When all its members had ended. */
  finishedAt: number | null;
}

/** A batch to be inserted. */
export type NewBatch = Pick<
  Batch,
  | "id"
  | "namespace"
  | "type"
  | "origin"
  | "meta"
  | "parent"
  | "callbacks"
  | "retentionMs"
  | "createdAt"
  | "sealedAt"
>;

/** A batch without members. */
export function emptyBatch(batch: NewBatch): Batch {
  return {
    ...batch,
    state: batch.sealedAt === null ? "open" : "running",
    counts: { total: 0, open: 0, completed: 0, dead: 0, cancelled: 0, expired: 0, deleted: 0 },
    told: [],
    cancelRequestedAt: null,
    finishedAt: null,
  };
}

/** One more member has ended like that, or one less when a retry took the end back; 0 asks for a look at the batch. */
export interface MemberNote {
  /** The batch. */
  batchId: string;
  /** How. */
  state: MemberEnd;
  /** 1, -1 or 0. */
  delta: number;
}

/** Asks for a look at a batch, of whose members nothing is new. */
export function lookAgain(batchId: string): MemberNote {
  return { batchId, state: "completed", delta: 0 };
}

/** The counts when notes are taken into account. */
export function countNotes(counts: BatchCounts, notes: readonly Omit<MemberNote, "batchId">[]): BatchCounts {
  const sum = { ...counts };
  for (const { state, delta } of notes) {
    sum[state] += delta;
    sum.open -= delta;
  }
  return sum;
}

/** What has happened to a batch. */
export type BatchTurn = "created" | "sealed" | "dead" | "completed" | "failed" | "cancelled" | "reopened";

/** What notes mean for a batch. */
export interface BatchVerdict {
  /** The batch from now on. */
  batch: Batch;
  /** What has happened. */
  turns: BatchTurn[];
  /** Callbacks to enqueue. */
  callbacks: NewJob[];
  /** What the batch around it is told. */
  notes: MemberNote[];
}

/**
 * Decides what notes mean for a batch. The only place where that is decided. With `rest`, there are more notes about it,
 * so that its end cannot be told yet.
 */
export function reviewBatch(
  batch: Batch,
  { notes, rest, now }: { notes: readonly MemberNote[]; rest: boolean; now: number },
): BatchVerdict {
  const counts = countNotes(batch.counts, notes);
  const told = new Set(batch.told);
  const turns: BatchTurn[] = [];
  const fresh: BatchMoment[] = [];
  const reach = (moment: BatchMoment): boolean => {
    if (told.has(moment)) return false;
    told.add(moment);
    fresh.push(moment);
    return true;
  };
  if (notes.some(({ state, delta }) => state === "dead" && delta >= 0) && reach("dead")) turns.push("dead");
  const over = batch.sealedAt !== null && counts.open === 0;
  const next: Batch = { ...batch, counts };
  // While notes are left, what has ended stays so and what is open does, too.
  if (over && !rest) {
    next.state = endOf(next);
    if (next.state !== batch.state) {
      turns.push(next.state as BatchTurn);
      next.finishedAt = now;
    }
    reach("finish");
    if (next.state === "completed") reach("complete");
  } else if (!over && hasEnded(batch)) {
    Object.assign(next, { state: "running", finishedAt: null, cancelRequestedAt: null });
    turns.push("reopened");
  } else if (!hasEnded(batch)) next.state = batch.sealedAt === null ? "open" : "running";
  next.told = BATCH_MOMENTS.filter((moment) => told.has(moment));
  const callbacks = fresh.flatMap((moment) => callbackJob(next, moment, now) ?? []);
  return { batch: next, turns, callbacks, notes: notesFor(batch, next, fresh.includes("dead")) };
}

function endOf({ cancelRequestedAt, counts: { completed, total } }: Batch): BatchState {
  if (cancelRequestedAt !== null && (completed < total || total === 0)) return "cancelled";
  return completed === total ? "completed" : "failed";
}

/** Whether a batch has ended. One whose members are retried goes on. */
export function hasEnded({ state }: Pick<Batch, "state">): boolean {
  return END_OF_STATE[state] !== null;
}

/** As what the end of a batch counts in the batch around it. */
const END_OF_STATE = {
  open: null,
  running: null,
  completed: "completed",
  failed: "dead",
  cancelled: "cancelled",
} as const satisfies Record<BatchState, MemberEnd | null>;

function notesFor(before: Batch, { state, parent }: Batch, firstDead: boolean): MemberNote[] {
  if (parent === null) return [];
  const [was, is] = [END_OF_STATE[before.state], END_OF_STATE[state]];
  const note = (end: MemberEnd | null, delta: number): MemberNote[] =>
    end === null ? [] : [{ batchId: parent, state: end, delta }];
  return [
    // Whoever wants to know of the first dead one need not wait until the inner batch has ended.
    ...(firstDead ? note("dead", 0) : []),
    ...(was === is ? [] : [...note(was, -1), ...note(is, 1)]),
  ];
}

/** The callback of a moment, whose time begins now and which is told how the batch stands. */
function callbackJob(batch: Batch, on: BatchMoment, now: number): NewJob | undefined {
  const job = batch.callbacks[on];
  if (job === undefined) return undefined;
  const { id, type, state, counts } = batch;
  const later = now - job.createdAt;
  return {
    ...job,
    createdAt: now,
    runAt: job.runAt + later,
    expireAt: job.expireAt === null ? null : job.expireAt + later,
    options: { ...job.options, callback: { batch: id, type, on, state, counts } },
  };
}

/** Whether a job is to be a member of a batch: its call is refused as a whole when that batch has ended. */
export function joinsBatch({ options }: Pick<Job, "options">): boolean {
  return options.batch !== undefined;
}

/** Why jobs that were added to a batch are cancelled at once. */
export const CANCELLED_BATCH = "Its batch was cancelled";

/** The error for members of a batch that is not there. */
export function noSuchBatch(id: string, namespace: string): JobdError {
  return new JobdError("not_found", `There is no batch ${id} in the namespace ${namespace}`, {
    hint: "Make it before its jobs; `jobd batches` lists those that exist.",
  });
}

/** The error for members of a batch that has ended. */
export function batchHasEnded({ id, state }: Pick<Batch, "id" | "state">): JobdError {
  return new JobdError("conflict", `Batch ${id} has ended: it is ${state}`, {
    hint:
      "Nothing was enqueued. Jobs can be added until the last member has ended; a member that runs can always add some.",
  });
}

/** Until when a batch that has ended is kept; as long as it still has jobs, it is kept in any case. */
export function batchKeptUntil(
  { state, finishedAt, retentionMs }: Pick<Batch, "state" | "finishedAt" | "retentionMs">,
  retention: Retention,
): number {
  const end = END_OF_STATE[state];
  return end === null || finishedAt === null ? Infinity : finishedAt + (retentionMs ?? retention[end]);
}

/** The error for the id of a batch that another tenant has. */
export function idOfAnother({ id }: Pick<Batch, "id">): JobdError {
  return new JobdError("conflict", `The id ${id} is that of a batch in another namespace`, {
    hint: "Leave the id out, or choose another one.",
  });
}
