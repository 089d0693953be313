/**
 * A process that enqueues jobs of a group, hands them over and ends them, some of them to be tried again, and is killed at the
 * n-th statement of that: before it reaches the store, or, with "after", once the store has done it.
 *
 *     deno run tests/e2e/dying_group.ts STORE_URL N before|after ROUND
 *
 * It says "done" when there are fewer statements.
 */
import { openDriver } from "../../src/storage/open.ts";
import { handOver, jobsOfRound, T } from "./group_rounds.ts";
import { arm, disarm } from "./strike.ts";

const [url = "", nth = "", when = "", round = ""] = Deno.args;
const driver = await openDriver(url, {});
// What is asked for once in a process is not part of it.
await driver.insert([]);
arm(Number(nth), when);
await driver.insert(jobsOfRound(Number(round)));
await handOver(driver, T, (job) => Number(job.payload) % 2 === 0 ? "completed" : "failed");
disarm();
await driver.close();
await Deno.stdout.write(new TextEncoder().encode("done\n"));
