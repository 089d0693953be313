import assert from "node:assert/strict";
import { Site } from "./site.ts";

Deno.test("POST /jobs/actions: a dry run says what would be done, and the action with its `until` does that", async () => {
  await using site = await Site.open();
  const jobs = await site.jobd.enqueueMany(Array.from({ length: 12 }, () => ({ type: "mail" })));
  const act = (body: unknown) => site.call("POST", "/api/v1/jobs/actions", { body });
  const tried = await act({ action: "cancel", filter: { type: "mail" }, dryRun: true });
  const { dryRun, matched, capped, counts, items, until } = tried.body;
  assert.deepEqual([tried.status, dryRun, matched, capped, items.length], [200, true, 12, false, 10]);
  assert.deepEqual(counts, { succeeded: 12, failed: 0 });
  assert.equal((await site.jobd.jobs.get(jobs[0]?.id ?? "")).state, "available");
  const some = await act({ action: "cancel", filter: { type: "mail" }, until, limit: 5 });
  assert.deepEqual([some.body.counts, some.body.stopped], [{ succeeded: 5, failed: 0 }, "limit"]);
  const rest = await act({ action: "cancel", filter: { type: "mail", state: "available" }, until });
  assert.deepEqual([rest.body.counts, rest.body.stopped], [{ succeeded: 7, failed: 0 }, undefined]);
  const before = await act({ action: "delete", filter: { type: "mail" }, until: "2001-01-01T00:00:00Z" });
  assert.deepEqual(before.body.counts, { succeeded: 0, failed: 0 });
  const empty = await act({ action: "delete", filter: {} });
  assert.deepEqual([empty.status, empty.body.code], [400, "invalid_request"]);
});

Deno.test("DELETE /dlq?dryRun and POST /dlq/retry with dryRun leave the dead letters as they are", async () => {
  await using site = await Site.open();
  await site.jobd.enqueueMany(Array.from({ length: 3 }, () => ({ type: "mail" })));
  await site.jobd.jobs.archive({ type: "mail" });
  const purge = await site.call("DELETE", "/api/v1/dlq?dryRun=true");
  assert.deepEqual([purge.status, purge.body.matched, purge.body.counts.succeeded], [200, 3, 3]);
  const retry = await site.call("POST", "/api/v1/dlq/retry", { body: { dryRun: true, type: "mail" } });
  assert.deepEqual([retry.body.dryRun, retry.body.matched], [true, 3]);
  assert.equal((await site.call("GET", "/api/v1/dlq")).body.items.length, 3);
  const done = await site.call("DELETE", `/api/v1/dlq?until=${encodeURIComponent(purge.body.until)}`);
  assert.deepEqual(done.body.counts, { succeeded: 3, failed: 0 });
  assert.equal((await site.call("GET", "/api/v1/dlq")).body.items.length, 0);
});
