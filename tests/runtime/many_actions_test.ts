import assert from "node:assert/strict";
import type { ActionPreview, Job } from "../../src/mod.ts";
import { Jobd } from "../../src/mod.ts";
import { openDriver } from "../../src/storage/open.ts";
import { intercepted } from "../../src/storage/intercept.ts";
import { ACTION_PAGE } from "../../src/runtime/job_actions.ts";

const MANY = 20_000;
const STEP = 10_000;

/** A SQLite store with many dead letters, and how many jobs its calls took and gave. */
async function withDead(count: number) {
  const sizes = new Map<string, number>();
  const calls = new Map<string, number>();
  const note = (method: string, size: number): void => {
    sizes.set(method, Math.max(sizes.get(method) ?? 0, size));
    calls.set(method, (calls.get(method) ?? 0) + 1);
  };
  const store = intercepted(
    await openDriver("sqlite::memory:"),
    async ({ method, args: [first], effect }) => {
      const answer = await effect();
      if (method === "get" || method === "amend") note(method, (first as unknown[]).length);
      if (method === "list") note(method, (answer as { items: unknown[] }).items.length);
      return answer;
    },
  );
  const jobd = await Jobd.open(store, { migrate: true });
  for (let at = 0; at < count; at += STEP) {
    await jobd.enqueueMany(
      Array.from({ length: Math.min(STEP, count - at) }, () => ({ type: "mail", payload: null })),
    );
  }
  await jobd.jobs.archive({ type: "mail" });
  sizes.clear();
  calls.clear();
  return { jobd, sizes, calls };
}

Deno.test("20,000 dead letters run again in pages: no call and no list holds more than a bounded number", async () => {
  const { jobd, sizes, calls } = await withDead(MANY);
  await using _jobd = jobd;
  const seen: number[] = [];
  const found = await jobd.dead.preview("retry", {}, { cap: MANY + 1 });
  const { counts, succeeded, failed, stopped } = await jobd.dead.retry({}, {
    until: found.until,
    onProgress: (done) => seen.push(done),
  });
  assert.deepEqual([found.matched, found.capped, found.items.length], [MANY, false, 10]);
  assert.deepEqual(counts, { succeeded: MANY, failed: 0 });
  assert.deepEqual(found.counts, counts, "as it was said before");
  assert.deepEqual([succeeded.length, failed.length, stopped], [1_000, 0, undefined]);
  assert.deepEqual(Object.fromEntries(sizes), { list: ACTION_PAGE, get: ACTION_PAGE, amend: ACTION_PAGE });
  assert.equal(calls.get("amend"), MANY / ACTION_PAGE, "each job once");
  const steps = new Set(seen.filter((done) => done % 5_000 === 0));
  assert.deepEqual([...steps], [5_000, 10_000, 15_000, 20_000]);
  assert.equal((await jobd.dead.page({ limit: 1 })).items.length, 0);
});

Deno.test("an action stops at its limit, and when it is told to; the same call goes on", async () => {
  const { jobd } = await withDead(1_000);
  await using _jobd = jobd;
  const first = await jobd.dead.delete({}, { limit: 250 });
  assert.deepEqual([first.counts.succeeded, first.stopped], [250, "limit"]);
  const stop = new AbortController();
  const onProgress = (done: number): void => {
    if (done >= 400) stop.abort();
  };
  const second = await jobd.dead.delete({}, { signal: stop.signal, onProgress });
  assert.deepEqual([second.counts.succeeded, second.stopped], [400, "signal"]);
  const third = await jobd.dead.delete({}, { limit: 350 });
  assert.deepEqual(
    [third.counts.succeeded, third.stopped],
    [350, undefined],
    "exactly as many as there were",
  );
  await assert.rejects(jobd.dead.delete({}, { limit: 0 }), /Invalid limit: 0/);
});

Deno.test("an action by filter is for jobs created before `until`, and never for those that come later", async () => {
  await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
  const old = await jobd.enqueue({ type: "mail" });
  const { until } = await jobd.jobs.preview("cancel", { type: "mail" });
  while (jobd.now() < until) await new Promise((resolve) => setTimeout(resolve, 1));
  const late = await jobd.enqueue({ type: "mail" });
  assert.deepEqual((await jobd.jobs.cancel({ type: "mail" }, { until })).succeeded, [old.id]);
  assert.equal((await jobd.jobs.get(late.id)).state, "available");
  await assert.rejects(jobd.jobs.cancel({ type: "mail" }, { until: "soon" }), /Invalid until: "soon"/);
});

Deno.test("an update that moves jobs within the walk meets none of them twice", async () => {
  await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
  const jobs = await jobd.enqueueMany(
    Array.from({ length: 900 }, (_, i) => ({ type: "mail", queue: `q${i % 3}`, priority: i % 5 })),
  );
  const { succeeded, counts } = await jobd.jobs.update(
    { queue: ["q0", "q1", "q2"] },
    { priority: 0, queue: "q2", tags: ["moved"] },
  );
  assert.deepEqual(counts, { succeeded: 900, failed: 0 });
  assert.deepEqual(new Set(succeeded), new Set(jobs.map(({ id }) => id)));
  const later = await jobd.jobs.update({ queue: "q2" }, { delay: "1h", tags: ["later"] });
  assert.deepEqual(later.counts, { succeeded: 900, failed: 0 });
  const all = await Array.fromAsync(jobd.jobs.list({ tag: "later", state: "scheduled" }));
  assert.equal(all.length, 900);
});

Deno.test("a job that an action takes from one state to another of the same filter is met once", async () => {
  await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
  await jobd.enqueueMany(Array.from({ length: 500 }, () => ({ type: "mail", delay: "1h" })));
  const both = { state: ["scheduled", "available"] as const };
  assert.deepEqual((await jobd.jobs.run(both)).counts, { succeeded: 500, failed: 0 });
  const ends = { state: ["available", "dead", "cancelled"] as const };
  assert.deepEqual((await jobd.jobs.archive(ends)).counts, { succeeded: 500, failed: 0 });
  const again = { state: ["dead", "available", "scheduled"] as const };
  assert.deepEqual((await jobd.jobs.retry(again)).counts, { succeeded: 500, failed: 0 });
  assert.deepEqual((await jobd.jobs.cancel({ type: "mail" })).counts, { succeeded: 500, failed: 0 });
});

Deno.test("a preview says what would be done and to which not, and does nothing", async () => {
  await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
  const [waiting, dead] = await jobd.enqueueMany([{ type: "mail" }, { type: "mail" }]);
  await jobd.jobs.archive(dead?.id ?? "");
  const brief = ({ matched, capped, counts, items, failed }: ActionPreview) => ({
    matched,
    capped,
    counts,
    items: new Set(items.map(({ id }: Job) => id)),
    failed: failed.map(({ id, code }) => [id, code]),
  });
  const byFilter = await jobd.jobs.preview("cancel", { type: "mail" });
  assert.deepEqual(brief(byFilter), {
    matched: 2,
    capped: false,
    counts: { succeeded: 1, failed: 1 },
    items: new Set([dead?.id, waiting?.id]),
    failed: [[dead?.id, "conflict"]],
  });
  const unknown = "0190a8e2-0000-7000-8000-000000000000";
  const byId = await jobd.jobs.preview("retry", [dead?.id ?? "", unknown]);
  assert.deepEqual(brief(byId), {
    matched: 1,
    capped: false,
    counts: { succeeded: 1, failed: 1 },
    items: new Set([dead?.id]),
    failed: [[unknown, "not_found"]],
  });
  assert.deepEqual((await jobd.jobs.preview("cancel", { type: "mail" }, { cap: 1 })).capped, true);
  assert.deepEqual((await jobd.jobs.get(waiting?.id ?? "")).state, "available");
  assert.equal((await jobd.jobs.cancel({ type: "mail" }, { until: byFilter.until })).counts.succeeded, 1);
  await assert.rejects(jobd.jobs.preview("cancel", {}), /the filter is empty/);
});
