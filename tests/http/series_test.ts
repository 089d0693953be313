import assert from "node:assert/strict";
import { Site } from "./site.ts";

Deno.test("a series is asked for by metric, time, step, queue and type", async () => {
  await using site = await Site.open();
  const query = "from=2026-03-01T00:30:00Z&to=2026-03-01T02:00:00Z&step=1h&queue=mail&type=a";
  const { status, body } = await site.call("GET", `/api/v1/stats/series?metric=wait&${query}`);
  assert.equal(status, 200);
  const point = { stepMs: 3_600_000, count: 0, p50: null, p95: null, p99: null, buckets: [] };
  assert.deepEqual(body, {
    metric: "wait",
    from: "2026-03-01T00:00:00.000Z",
    to: "2026-03-01T02:00:00.000Z",
    stepMs: 3_600_000,
    points: [
      { at: "2026-03-01T00:00:00.000Z", ...point },
      { at: "2026-03-01T01:00:00.000Z", ...point },
    ],
  });
});

Deno.test("a series that cannot be is refused with what is allowed", async () => {
  await using site = await Site.open();
  const cases: [string, RegExp][] = [
    ["metric=depth", /throughput/],
    ["from=2020-01-01&to=2026-01-01&step=1m", /2000 points/],
    ["from=2026-01-02&to=2026-01-01", /before to/],
    ["step=10s", /whole minutes/],
  ];
  for (const [query, message] of cases) {
    const { status, body } = await site.call("GET", `/api/v1/stats/series?${query}`);
    assert.equal(status, 400, query);
    assert.equal(body.code, "invalid_request");
    assert.match(JSON.stringify(body), message);
  }
});

Deno.test("jobs and queues that are kept for ever say so", async () => {
  await using site = await Site.open();
  const { body } = await site.call("POST", "/api/v1/jobs", { body: { type: "a", retention: "forever" } });
  const job = await site.jobd.jobs.get(body.id);
  assert.equal(job.options.retentionMs, 100 * 365 * 86_400_000);
  const wrong = await site.call("POST", "/api/v1/jobs", { body: { type: "a", retention: "ever" } });
  assert.equal(wrong.status, 400);
  assert.match(wrong.body.hint, /forever/);
});
