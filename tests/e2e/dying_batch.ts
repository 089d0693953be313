/**
 * A process that does something to the batches of a store, and is killed at the n-th statement of that: before it reaches
 * the store, or, with "after", once the store has done it.
 *
 *     deno run tests/e2e/dying_batch.ts STORE_URL N before|after create|end|tell ROUND
 *
 * It says "done" when that has fewer statements.
 */
import { withFollowUps } from "../../src/domain/transition.ts";
import { openDriver } from "../../src/storage/open.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { decideAt, done, doomed } from "../conformance/world.ts";
import { MEMBERS, roundOf, T } from "./batch_round.ts";
import { arm, disarm } from "./strike.ts";

const [url = "", nth = "", when = "", what = "", round = ""] = Deno.args;

async function create(driver: Driver): Promise<void> {
  const { batch, jobs } = roundOf(Number(round));
  await driver.createBatch(batch, jobs);
}

/** Ends all members of the round at once, the first one for good; each with one more member as its follow-up. */
async function end(driver: Driver): Promise<void> {
  const { more } = roundOf(Number(round));
  const { items } = await driver.list({ namespace: "default", states: ["running"], limit: MEMBERS });
  await driver.settle({
    transitions: items.map((job, at) =>
      withFollowUps(decideAt(job, at === 0 ? doomed : done, T), more.slice(at, at + 1))
    ),
    close: [],
  });
}

const ACTIONS: Record<string, (driver: Driver) => Promise<unknown>> = {
  create,
  end,
  tell: (driver) => driver.tellBatches({ now: T, limit: 1_000 }),
};

const driver = await openDriver(url, {});
// What is asked for once in a process is not part of it.
await driver.insert([]);
arm(Number(nth), when);
await ACTIONS[what]?.(driver);
disarm();
await driver.close();
await Deno.stdout.write(new TextEncoder().encode("done\n"));
