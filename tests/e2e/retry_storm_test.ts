import assert from "node:assert/strict";
import { Fleet, until } from "./fleet.ts";

const JOBS = 2_000;
const SPREAD_S = 20;

Deno.test(`${JOBS} jobs that fail together do not come back together`, async () => {
  await using fleet = await Fleet.of("sqlite");
  await fleet.start({
    concurrency: 200,
    backoff: { baseMs: SPREAD_S * 1_000, maxMs: SPREAD_S * 1_000, jitter: "full" },
  });
  const requests = Array.from({ length: JOBS }, () => ({ type: "canary", payload: { failTimes: 9 } }));
  const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
  const delays: number[] = [];
  for (const id of ids) {
    await until("it has failed", async () => (await fleet.jobd.jobs.executions(id))[0]?.outcome === "failed");
    const [{ finishedAt } = { finishedAt: null }] = await fleet.jobd.jobs.executions(id);
    const { error } = await fleet.jobd.jobs.get(id);
    assert.ok(finishedAt !== null && error?.retryInMs !== undefined);
    delays.push(error.retryInMs);
  }
  // A delay is rounded to a millisecond, so that the whole spread itself is one of them.
  const bySecond = Map.groupBy(delays, (delay) => Math.min(Math.floor(delay / 1_000), SPREAD_S - 1));
  // Chance gives each second a share of 5 %; a bucket of 8 % would be six standard deviations away.
  const largest = Math.max(...bySecond.values().map((bucket) => bucket.length));
  assert.ok(largest < JOBS * 0.08, `${largest} of ${JOBS} jobs come back in the same second`);
  assert.equal(bySecond.size, SPREAD_S);
});
