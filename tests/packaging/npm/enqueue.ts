// Enqueues a job, waits for its end and prints what it gave: enqueue.ts STORE TEXT.
import process from "node:process";
import { Jobd } from "@jobd/jobd";
import { shout } from "./jobs.ts";

const [store = "", text = ""] = process.argv.slice(2);
const jobd = await Jobd.open(store, { migrate: true });
const job = await jobd.enqueue(shout, { text }, { priority: "high", tags: ["npm"] });
process.stdout.write(`${JSON.stringify(await job.result({ timeout: "1m" }))}\n`);
await jobd.close();
