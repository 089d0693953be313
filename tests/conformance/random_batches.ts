import { BATCH_MOMENTS, type NewBatch } from "../../src/domain/batch.ts";
import type { NewJob } from "../../src/domain/job.ts";
import type { BatchChange } from "../../src/storage/driver.ts";
import { idOf, MINUTE } from "./world.ts";

/** Ids of batches. */
export const BATCHES = Array.from({ length: 8 }, (_, number) => idOf(800_000 + number));

/** An operation on batches, as plain data. */
export type BatchOperation =
  | { do: "createBatch"; batch: NewBatch; jobs: NewJob[] }
  | { do: "changeBatch"; change: BatchChange }
  | { do: "tellBatches"; now: number };

/** Chance, and jobs. */
export interface Chance {
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
  many<T>(most: number, make: () => T): T[];
  job(now: number): NewJob;
}

/** Now and then the job of a batch, which may not exist or may have ended. */
export function perhapsMember({ chance, pick }: Chance, jobs: NewJob[]): NewJob[] {
  const batch = pick(BATCHES);
  return chance(0.3) ? jobs.map((job) => member(job, batch)) : jobs;
}

function member(job: NewJob, batch: string): NewJob {
  return { ...job, options: { ...job.options, batch } };
}

/** Something about batches. */
export function batchOperation(random: Chance, now: number): BatchOperation {
  const { chance, pick } = random;
  if (chance(0.4)) return { do: "tellBatches", now };
  if (chance(0.6)) return creation(random, now);
  const change = pick(["seal", "seal", "cancel"] as const);
  return { do: "changeBatch", change: { namespace: "default", id: pick(BATCHES), change, at: now } };
}

function creation({ chance, pick, many, job }: Chance, now: number): BatchOperation {
  const id = pick(BATCHES);
  const callbacks = BATCH_MOMENTS.filter(() => chance(0.5)).map((on) => {
    // A callback is never in the way of anything.
    const { options: { uniqueKey: _, ...options }, ...rest } = job(now);
    return [on, { ...rest, options }] as const;
  });
  const parents = BATCHES.filter((other) => other < id);
  return {
    do: "createBatch",
    batch: {
      id,
      namespace: "default",
      type: pick(["t1", "t2"]),
      origin: chance(0.5) ? "somebody" : null,
      meta: { text: pick(["", "ä 😀", '"\\']) },
      parent: parents.length > 0 && chance(0.4) ? pick(parents) : null,
      callbacks: Object.fromEntries(callbacks),
      retentionMs: chance(0.3) ? MINUTE : null,
      createdAt: now,
      sealedAt: chance(0.6) ? now : null,
    },
    jobs: chance(0.8) ? many(4, () => member(job(now), id)) : [],
  };
}
