import assert from "node:assert/strict";
import { startPostgres } from "../support/postgres_server.ts";
import { Fleet } from "./fleet.ts";

Deno.test("PostgreSQL restarted in immediate mode under load loses nothing", async () => {
  await using server = await startPostgres({ settings: { fsync: "on", full_page_writes: "on" } });
  await using fleet = await Fleet.of("postgres", server.url);
  await Promise.all([fleet.start({ concurrency: 10 }), fleet.start({ concurrency: 10 })]);
  const accepted: string[] = [];
  let refused = 0;
  let enqueuing = true;
  const producer = (async () => {
    while (enqueuing) {
      const id = crypto.randomUUID();
      try {
        await fleet.jobd.enqueue({ id, type: "canary", payload: { ms: 20 }, maxAttempts: 20 });
        accepted.push(id);
      } catch {
        // The outcome is unknown: asking again with the same id must give exactly one job.
        refused++;
        await fleet.jobd.enqueue({ id, type: "canary", payload: { ms: 20 }, maxAttempts: 20 })
          .then(() => accepted.push(id), () => {});
      }
    }
  })();
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await server.restart("immediate");
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  enqueuing = false;
  await producer;
  const states = await fleet.drained(accepted, 180_000);
  assert.deepEqual([...new Set(states.values())], ["completed"]);
  await fleet.check(accepted);
  assert.ok(accepted.length > 0);
  assert.ok(refused >= 0);
});
