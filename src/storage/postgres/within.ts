import type { NewJob } from "../../domain/job.ts";
import { mayBeRefused } from "../../domain/refusal.ts";
import type { RunWithin } from "../transaction.ts";
import type { RunQuery } from "./connections.ts";
import type { Inserted, Inserter } from "./inserter.ts";

/** Inserts jobs by statements that are part of a transaction of somebody else's; queues are created apart from it. */
export async function insertWithin(inserter: Inserter, run: RunWithin, jobs: NewJob[]): Promise<Inserted> {
  const entries = await inserter.prepare(jobs);
  // The types of parameters are said, because libraries differ in how they send a text that is JSON.
  const typed: RunQuery = ({ text }, values = []) =>
    run(text.replace(/\$(\d+)::json\b/g, "$$$1::text::json"), values);
  const insert = () => inserter.insertWithin(typed, entries);
  return jobs.some(mayBeRefused) ? await atomically(typed, insert) : await insert();
}

/** Takes back what a call did within a transaction of somebody else, who may go on after its failure. */
async function atomically<T>(run: RunQuery, work: () => Promise<T>): Promise<T> {
  await run({ text: "savepoint jobd_call" });
  try {
    const result = await work();
    await run({ text: "release savepoint jobd_call" });
    return result;
  } catch (error) {
    await run({ text: "rollback to savepoint jobd_call" });
    await run({ text: "release savepoint jobd_call" });
    throw error;
  }
}
