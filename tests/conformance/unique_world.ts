import assert from "node:assert/strict";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { FinalState } from "../../src/domain/states.ts";
import type { UniqueOptions } from "../../src/domain/unique.ts";
import { parseUnique } from "../../src/domain/unique_request.ts";
import type { InsertResult } from "../../src/storage/driver.ts";
import { cancelled, done, doomed, expired, MINUTE, T, type World } from "./world.ts";

export const HOUR = 60 * MINUTE;
export const ENDS: Record<FinalState, Outcome> = { completed: done, dead: doomed, cancelled, expired };

/** A job that is unique as the options say; the key is "k" unless they say otherwise. */
export function make(w: World, unique: UniqueOptions, over: Partial<NewJob> = {}): NewJob {
  const job = w.make(over);
  const { payload, createdAt: now, runAt } = job;
  return {
    ...job,
    options: { ...job.options, unique: parseUnique({ key: "k", ...unique }, { payload, now, runAt }) },
  };
}

export async function insert(
  w: World,
  unique: UniqueOptions,
  over: Partial<NewJob> = {},
): Promise<InsertResult> {
  return await w.insert(make(w, unique, over));
}

/** Puts a job with the key into a state. */
export async function holderIn(w: World, state: Job["state"], unique: UniqueOptions = {}): Promise<Job> {
  const { id } = await insert(w, unique, state === "scheduled" ? { runAt: T + HOUR } : {});
  if (state !== "scheduled" && state !== "available") {
    const job = await w.claimOne();
    assert.equal(job.id, id);
    if (state !== "running") await w.settle(job, ENDS[state as FinalState]);
  }
  const job = await w.job(id);
  assert.equal(job.state, state);
  return job;
}

export const HELD = ["scheduled", "available", "running"] as const;
export const delayed = (ms: number, over: Partial<NewJob> = {}): Partial<NewJob> => ({
  ...over,
  runAt: (over.createdAt ?? T) + ms,
});
