import { MEMBER_ENDS, type NewBatch } from "../../src/domain/batch.ts";
import type { NewJob } from "../../src/domain/job.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { idOf, newJob, T } from "../conformance/world.ts";

export { T } from "../conformance/world.ts";
/** Jobs of each batch at its beginning. */
export const MEMBERS = 3;

/** A batch of its own for each round, with its jobs, those that they add at their ends, and its callbacks. */
export function roundOf(round: number): { batch: NewBatch; jobs: NewJob[]; more: NewJob[] } {
  const number = (at: number): number => round * 100 + at;
  const batch: NewBatch = {
    id: idOf(number(0)),
    namespace: "default",
    type: "round",
    origin: null,
    meta: {},
    parent: null,
    callbacks: {
      complete: newJob(number(1)),
      finish: newJob(number(2), { type: "finish" }),
      dead: newJob(number(3), { type: "dead" }),
    },
    retentionMs: null,
    createdAt: T,
    sealedAt: T,
  };
  const members = (from: number): NewJob[] =>
    Array.from({ length: MEMBERS }, (_, at) => newJob(number(from + at), { options: { batch: batch.id } }));
  return { batch, jobs: members(10), more: members(20) };
}

/** Compares the counts of a batch with its jobs, one by one: nothing may be lost or counted twice. */
export async function checkCounts(driver: Driver, id: string): Promise<Record<string, number>> {
  const [batch] = (await driver.batches({ namespace: "default", ids: [id], limit: 1 })).items;
  const { items } = await driver.list({ namespace: "default", batch: id, limit: 1_000 });
  const ends = MEMBER_ENDS.map((end) => [end, items.filter(({ state }) => state === end).length] as const);
  const open = items.length - ends.reduce((sum, [, count]) => sum + count, 0);
  const counted = { total: items.length, open, ...Object.fromEntries(ends) };
  if (batch !== undefined && JSON.stringify(batch.counts) !== JSON.stringify(counted)) {
    throw new Error(`The batch says ${JSON.stringify(batch.counts)}, its jobs ${JSON.stringify(counted)}`);
  }
  return counted;
}
