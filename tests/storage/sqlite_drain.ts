// One of several processes that together claim and complete all jobs of a store; prints "id attempt result" of its own.
import { complete } from "../../src/domain/transition.ts";
import { openSqlite } from "../../src/storage/sqlite/driver.ts";

const [path = "", id = "", processes = ""] = Deno.args;
const now = Date.UTC(2026, 0, 1);
const driver = openSqlite(path);

// Nobody begins before all are there, so that they do get into each other's way.
const slots = { concurrency: 1, running: 0, startedAt: now, seenAt: now, process: {} };
await driver.saveWorker({ id, namespace: "default", queues: "all", types: "all", ...slots });
while ((await driver.workers(now)).length < Number(processes)) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}

const lines: string[] = [];
const request = { worker: id, namespace: "default", queues: "all", types: "all", limit: 7 } as const;
for (;;) {
  const { leaseId, jobs } = await driver.claim({ ...request, now, expiresAt: now + 60_000 });
  if (leaseId === null) break;
  const transitions = jobs.map((job) => complete(job, now, { by: id }));
  const results = await driver.settle({ transitions, close: [leaseId] });
  for (const [index, job] of jobs.entries()) lines.push(`${job.id} ${job.attempt} ${results[index]}`);
}
await driver.close();
await Deno.stdout.write(new TextEncoder().encode(lines.join("\n")));
