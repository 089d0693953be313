/**
 * A process that does one thing to a job whose handler waits, and is killed at the n-th statement of that: before it reaches
 * the store, or, with "after", once the store has done it.
 *
 *     deno run tests/e2e/dying_wait.ts STORE_URL N before|after park|answer|end JOB NOW
 *
 * It says "done" when that has fewer statements.
 */
import { amendmentOf } from "../../src/domain/amendment.ts";
import { park } from "../../src/domain/transition.ts";
import { openDriver } from "../../src/storage/open.ts";
import { arm, disarm } from "./strike.ts";

const [url = "", nth = "", when = "", what = "", id = "", at = ""] = Deno.args;
const now = Number(at);
const driver = await openDriver(url, {});
const [job] = await driver.get([id]);
if (job === undefined) throw new Error("There is no such job");
// What is asked for once in a process is not part of it.
await driver.ready();
arm(Number(nth), when);
switch (what) {
  case "park":
    await driver.settle({ transitions: [park(job, now, "approval")], close: [job.leaseId ?? ""] });
    break;
  case "answer":
    await driver.amend([
      amendmentOf(job, now, { kind: "answer", answer: { name: "approval", value: 1 } }),
    ]);
    break;
  case "end":
    await driver.endWaits(now, 10);
    break;
}
disarm();
await driver.close();
await Deno.stdout.write(new TextEncoder().encode("done\n"));
