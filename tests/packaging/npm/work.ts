// Works on a store until it is told to end: work.ts STORE [LEASE_MS]. Says so when it has started.
import process from "node:process";
import { Jobd } from "@jobd/jobd";
import { block, flaky, hang, shout } from "./jobs.ts";

const [store = "", leaseMs = "30000"] = process.argv.slice(2);
const jobd = await Jobd.open(store, { migrate: true });
const worker = jobd.worker({
  handlers: [shout, flaky, block, hang],
  leaseMs: Number(leaseMs),
  pollIntervalMs: 100,
});
await worker.start();
process.once("SIGTERM", async () => {
  await worker.stop();
  await jobd.close();
});
process.stdout.write("at work\n");
