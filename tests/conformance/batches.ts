import assert from "node:assert/strict";
import type { Batch, BatchMoment, BatchState, NewBatch } from "../../src/domain/batch.ts";
import { JobdError } from "../../src/domain/errors.ts";
import type { Job, NewJob } from "../../src/domain/job.ts";
import { DEFAULT_RETENTION } from "../../src/domain/queue.ts";
import { withFollowUps } from "../../src/domain/transition.ts";
import type { InsertResult, ToldBatches } from "../../src/storage/driver.ts";
import {
  allJobs,
  type Chapter,
  DAY,
  decideAt,
  done,
  doomed,
  failed,
  idOf,
  newJob,
  SECOND,
  T,
  type World,
} from "./world.ts";

const LATER = T + 10 * SECOND;

/** A batch that is complete but not inserted. */
export function newBatch(number: number, over: Partial<NewBatch> = {}): NewBatch {
  return {
    id: idOf(900_000 + number),
    namespace: "default",
    type: "import",
    origin: null,
    meta: {},
    parent: null,
    callbacks: {},
    retentionMs: null,
    createdAt: T,
    sealedAt: T,
    ...over,
  };
}

/** Callbacks for all moments, of types that say which. */
function callbacks(from: number, ...moments: BatchMoment[]): NewBatch["callbacks"] {
  return Object.fromEntries(
    moments.map((on, at) => [on, newJob(from + at, { type: `on.${on}`, payload: { given: on } })]),
  );
}

/** Makes a batch with jobs. */
async function batchOf(
  w: World,
  jobs: number,
  over: Partial<NewBatch> = {},
  each: Partial<NewJob> = {},
): Promise<{ batch: Batch; jobs: InsertResult[] }> {
  const batch = newBatch(++made, over);
  const options = { ...each.options, batch: batch.id };
  return await w.driver.createBatch(batch, w.makeMany(jobs, { ...each, options }));
}
let made = 0;

/** Counts everything there is. */
async function tell(w: World, now = LATER, limit = 1_000): Promise<Omit<ToldBatches, "more">> {
  const sum: Omit<ToldBatches, "more"> = { turns: [], callbacks: [] };
  for (let more = true; more;) {
    const told = await w.driver.tellBatches({ now, limit });
    sum.turns.push(...told.turns);
    sum.callbacks.push(...told.callbacks);
    more = told.more;
  }
  return sum;
}

async function look(w: World, id: string): Promise<Batch> {
  const [batch] = (await w.driver.batches({ namespace: "default", ids: [id], limit: 1 })).items;
  assert.ok(batch, `batch ${id} is not there`);
  return batch;
}

function turnsOf({ turns }: Pick<ToldBatches, "turns">): string[] {
  return turns.map(({ turn }) => turn);
}

function typesOf({ callbacks }: Pick<ToldBatches, "callbacks">): string[] {
  return callbacks.map(({ job }) => job.type);
}

/** Claims everything and ends it. */
async function finishAll(w: World, outcome = done): Promise<void> {
  const { jobs } = await w.claim({ limit: 1_000 });
  for (const job of jobs) await w.settle(job, outcome);
}

async function refused(code: string, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => error instanceof JobdError && error.code === code);
}

export const batchesChapter: Chapter = {
  "a batch is made with its jobs, which know it": async (w) => {
    const { batch, jobs } = await batchOf(w, 3, { origin: "shop", meta: { file: "a.csv" } });
    assert.deepEqual(jobs.map(({ outcome }) => outcome), ["created", "created", "created"]);
    const { state, counts, told, createdAt, sealedAt, finishedAt, origin, meta } = batch;
    assert.deepEqual(
      { state, counts, told, createdAt, sealedAt, finishedAt, origin, meta },
      {
        state: "running",
        counts: { total: 3, open: 3, completed: 0, dead: 0, cancelled: 0, expired: 0, deleted: 0 },
        told: [],
        createdAt: T,
        sealedAt: T,
        finishedAt: null,
        origin: "shop",
        meta: { file: "a.csv" },
      },
    );
    assert.equal((await w.job(jobs[0]?.id ?? "")).options.batch, batch.id);
    assert.deepEqual(await look(w, batch.id), batch);
  },
  "made again with its id it is given as it is, and no job is added": async (w) => {
    const batch = newBatch(++made);
    const jobs = w.makeMany(2, { options: { batch: batch.id } });
    assert.equal((await w.driver.createBatch(batch, jobs)).outcome, "created");
    const again = await w.driver.createBatch(batch, jobs);
    assert.deepEqual([again.outcome, again.jobs, again.batch.counts.total], ["existing", [], 2]);
    await refused("conflict", w.driver.createBatch({ ...batch, namespace: "other" }, []));
  },
  "it ends when its last job does, and counts them by their ends": async (w) => {
    const { batch } = await batchOf(w, 5, {}, { maxAttempts: 2 });
    const { jobs } = await w.claim({ limit: 3 });
    const [a, b, c] = jobs as [Job, Job, Job];
    await w.settle(a, done);
    await w.settle(b, doomed);
    await w.settle(c, failed);
    assert.deepEqual(turnsOf(await tell(w)), ["dead"]);
    assert.equal((await look(w, batch.id)).state, "running");
    const [d, e] = (await allJobs(w.driver, { states: ["available"] })) as [Job, Job];
    await w.amend(d, { kind: "cancel", reason: "no" });
    await w.amend(e, { kind: "expire" });
    await w.amend(await w.job(c.id), { kind: "delete" });
    assert.deepEqual(turnsOf(await tell(w)), ["failed"]);
    const { state, counts, finishedAt } = await look(w, batch.id);
    assert.deepEqual([state, finishedAt], ["failed", LATER]);
    assert.deepEqual(counts, {
      total: 5,
      open: 0,
      completed: 1,
      dead: 1,
      cancelled: 1,
      expired: 1,
      deleted: 1,
    });
  },
  "counts are those of this moment, also before they are told": async (w) => {
    const { batch } = await batchOf(w, 2);
    await w.settle(await w.claimOne(), done);
    const { state, counts } = await look(w, batch.id);
    assert.deepEqual([state, counts.open, counts.completed], ["running", 1, 1]);
  },
  "callbacks are enqueued once each: complete and finish when all have completed": async (w) => {
    const { batch } = await batchOf(w, 2, {
      callbacks: callbacks(800_000, "complete", "finish", "dead"),
      createdAt: T - SECOND,
    });
    await w.settle(await w.claimOne(), done);
    assert.deepEqual(typesOf(await tell(w)), []);
    await w.settle(await w.claimOne(), done);
    const told = await tell(w);
    assert.deepEqual(typesOf(told).sort(), ["on.complete", "on.finish"]);
    assert.deepEqual(typesOf(await tell(w)), []);
    const job = await w.job(idOf(800_000));
    assert.deepEqual([job.state, job.payload, job.createdAt, job.runAt], [
      "available",
      { given: "complete" },
      LATER,
      LATER,
    ]);
    assert.deepEqual(job.options.callback, {
      batch: batch.id,
      type: "import",
      on: "complete",
      state: "completed",
      counts: (await look(w, batch.id)).counts,
    });
    assert.equal(job.options.batch, undefined);
  },
  "the first dead member has its callback at once, further ones have none": async (w) => {
    await batchOf(w, 3, { callbacks: callbacks(800_010, "complete", "finish", "dead") });
    await w.settle(await w.claimOne(), doomed);
    assert.deepEqual(typesOf(await tell(w)), ["on.dead"]);
    await w.settle(await w.claimOne(), doomed);
    assert.deepEqual(typesOf(await tell(w)), []);
    await w.settle(await w.claimOne({ types: ["test"] }), done);
    assert.deepEqual(typesOf(await tell(w)), ["on.finish"]);
  },
  "a retry opens it again; callbacks that were enqueued are not enqueued again": async (w) => {
    const { batch } = await batchOf(w, 2, { callbacks: callbacks(800_020, "complete", "finish", "dead") });
    await w.settle(await w.claimOne(), doomed);
    await w.settle(await w.claimOne(), done);
    assert.deepEqual(typesOf(await tell(w)).sort(), ["on.dead", "on.finish"]);
    const [dead] = await allJobs(w.driver, { states: ["dead"] });
    await w.amend(dead as Job, { kind: "makeAvailable" });
    assert.deepEqual(turnsOf(await tell(w)), ["reopened"]);
    const { state, finishedAt, counts } = await look(w, batch.id);
    assert.deepEqual([state, finishedAt, counts.open, counts.dead], ["running", null, 1, 0]);
    await w.settle(await w.claimOne({ types: ["test"] }), done, LATER);
    const told = await tell(w, LATER + SECOND);
    assert.deepEqual([turnsOf(told), typesOf(told)], [["completed"], ["on.complete"]]);
    assert.equal((await look(w, batch.id)).finishedAt, LATER + SECOND);
  },
  "a retry that is over before anybody counted it changes only the counts": async (w) => {
    const { batch } = await batchOf(w, 2, { callbacks: callbacks(800_030, "complete", "finish", "dead") });
    const job = await w.claimOne();
    await w.settle(job, doomed);
    await w.amend(await w.job(job.id), { kind: "makeAvailable" });
    for (let at = 0; at < 2; at++) await w.settle(await w.claimOne({ now: LATER }), done, LATER);
    const told = await tell(w);
    assert.deepEqual(turnsOf(told), ["dead", "completed"]);
    assert.deepEqual(typesOf(told).sort(), ["on.complete", "on.dead", "on.finish"]);
    assert.equal((await look(w, batch.id)).counts.completed, 2);
  },
  "an open batch waits to be sealed, and an empty one ends with that": async (w) => {
    const open = await batchOf(w, 1, { sealedAt: null });
    assert.equal(open.batch.state, "open");
    await finishAll(w);
    assert.deepEqual(turnsOf(await tell(w)), []);
    assert.equal((await look(w, open.batch.id)).state, "open");
    const { id, namespace } = open.batch;
    const sealed = await w.driver.changeBatch({ id, namespace, change: "seal", at: T + SECOND });
    assert.deepEqual([sealed?.state, sealed?.sealedAt], ["running", T + SECOND]);
    assert.deepEqual(turnsOf(await tell(w)), ["completed"]);
    assert.equal(await w.driver.changeBatch({ id: idOf(1), namespace, change: "seal", at: T }), undefined);
    assert.equal(await w.driver.changeBatch({ id, namespace: "other", change: "seal", at: T }), undefined);
    const empty = await batchOf(w, 0, { callbacks: callbacks(800_090, "complete", "dead") });
    const told = await tell(w);
    assert.deepEqual([turnsOf(told), typesOf(told)], [["completed"], ["on.complete"]]);
    assert.equal((await look(w, empty.batch.id)).state, "completed");
  },
  "jobs can be added until it has ended": async (w) => {
    const { batch } = await batchOf(w, 1);
    const [one] = await w.addMany(1, { options: { batch: batch.id } });
    assert.equal((await look(w, batch.id)).counts.total, 2);
    await finishAll(w);
    await tell(w);
    await refused("conflict", w.add({ options: { batch: batch.id } }));
    await refused("not_found", w.add({ options: { batch: idOf(77) } }));
    await refused("not_found", w.add({ namespace: "other", options: { batch: batch.id } }));
    assert.equal((await allJobs(w.driver)).length, 2);
    // A call whose answer was lost is repeated.
    const same = { ...newJob(0), id: one ?? "", options: { batch: batch.id } };
    assert.equal((await w.insert(same)).outcome, "existing");
    assert.equal((await look(w, batch.id)).counts.total, 2);
  },
  "one whose member was retried is open, whether that was counted or not": async (w) => {
    const { batch, jobs } = await batchOf(w, 1);
    await finishAll(w, doomed);
    await tell(w);
    await w.amend(await w.job(jobs[0]?.id ?? ""), { kind: "makeAvailable" });
    await w.add({ options: { batch: batch.id } });
    assert.deepEqual(turnsOf(await tell(w)), ["reopened"]);
    await finishAll(w);
    assert.deepEqual(turnsOf(await tell(w)), ["completed"]);
    assert.equal((await look(w, batch.id)).counts.total, 2);
  },
  "what is enqueued with the end of a member keeps its batch open": async (w) => {
    const { batch } = await batchOf(w, 1);
    const job = await w.claimOne();
    const child = w.make({ options: { batch: batch.id } });
    assert.equal(await w.write(withFollowUps(decideAt(job, done, LATER), [child])), "applied");
    assert.deepEqual(turnsOf(await tell(w)), []);
    const { counts } = await look(w, batch.id);
    assert.deepEqual([counts.total, counts.open, counts.completed], [2, 1, 1]);
    await finishAll(w);
    assert.deepEqual(turnsOf(await tell(w)), ["completed"]);
    // An attempt that is not the live one adds nothing, and is told so.
    const late = w.make({ options: { batch: batch.id } });
    assert.equal(await w.write(withFollowUps(decideAt(job, done, LATER), [late])), "stale");
  },
  "a job that is there already, or gives way to one, is counted once": async (w) => {
    await w.add({ options: { uniqueKey: "a" } });
    const all = await batchOf(w, 1, {}, { options: { uniqueKey: "a" } });
    assert.deepEqual([all.jobs[0]?.outcome, all.batch.counts.total], ["existing", 0]);
    assert.deepEqual(turnsOf(await tell(w)), ["completed"]);
    const { batch } = await batchOf(w, 0, { sealedAt: null });
    const key = { uniqueKey: "a", batch: batch.id };
    await w.add({ options: { batch: batch.id } });
    assert.equal((await w.insert(w.make({ options: key }))).outcome, "existing");
    const take = { unique: { key: "b", onConflict: "cancel" as const }, batch: batch.id };
    const first = await w.add({ options: take });
    assert.equal((await w.insert(w.make({ options: take }))).outcome, "replaced");
    assert.equal((await w.job(first.id)).state, "cancelled");
    await tell(w);
    const { counts } = await look(w, batch.id);
    assert.deepEqual([counts.total, counts.open, counts.cancelled], [3, 2, 1]);
  },
  "members may come after others": async (w) => {
    const { batch } = await batchOf(w, 0, { sealedAt: null });
    const parent = await w.start();
    const job = await w.add({ options: { batch: batch.id, after: { jobs: [parent.id] } } });
    assert.equal(job.state, "blocked");
    await w.settle(parent, doomed);
    await w.driver.tellChildren({ now: LATER, limit: 10 });
    const late = await w.add({ options: { batch: batch.id, after: { jobs: [parent.id] } } });
    assert.equal(late.state, "cancelled");
    await tell(w);
    const { counts } = await look(w, batch.id);
    assert.deepEqual([counts.total, counts.cancelled], [2, 2]);
  },
  "a batch counts in the one around it as one member": async (w) => {
    const outer = await batchOf(w, 0, {
      sealedAt: null,
      callbacks: callbacks(800_040, "complete", "finish", "dead"),
    });
    const parent = outer.batch.id;
    const good = await batchOf(w, 1, { parent }, { priority: 9 });
    const bad = await batchOf(w, 2, { parent });
    assert.equal((await look(w, parent)).counts.total, 2);
    await w.driver.changeBatch({ id: parent, namespace: "default", change: "seal", at: T });
    await w.settle(await w.claimOne(), done);
    assert.deepEqual(turnsOf(await tell(w)), ["completed"]);
    // The first dead one is told outside at once.
    await w.settle(await w.claimOne(), doomed);
    const told = await tell(w);
    assert.deepEqual([turnsOf(told), typesOf(told)], [["dead", "dead"], ["on.dead"]]);
    await w.settle(await w.claimOne({ types: ["test"] }), done);
    const ended = await tell(w);
    assert.deepEqual([turnsOf(ended), typesOf(ended)], [["failed", "failed"], ["on.finish"]]);
    const { state, counts } = await look(w, parent);
    assert.deepEqual([state, counts.completed, counts.dead], ["failed", 1, 1]);
    const inside = await w.driver.batches({ namespace: "default", parent, limit: 10 });
    assert.deepEqual(inside.items.map(({ id }) => id), [bad.batch.id, good.batch.id]);
    const [dead] = await allJobs(w.driver, { states: ["dead"] });
    await w.amend(dead as Job, { kind: "makeAvailable" });
    assert.deepEqual(turnsOf(await tell(w)), ["reopened", "reopened"]);
    await w.settle(await w.claimOne({ types: ["test"] }), done);
    const better = await tell(w);
    assert.deepEqual([turnsOf(better), typesOf(better)], [["completed", "completed"], ["on.complete"]]);
    await refused("conflict", w.driver.createBatch(newBatch(++made, { parent }), []));
    await refused("not_found", w.driver.createBatch(newBatch(++made, { parent: idOf(5) }), []));
    assert.equal((await w.driver.batches({ namespace: "default", limit: 10 })).items.length, 3);
  },
  "a batch that is cancelled ends when its members have, and cancels what is added": async (w) => {
    const { batch, jobs } = await batchOf(w, 2, {
      sealedAt: null,
      callbacks: callbacks(800_050, "complete", "finish"),
    });
    const running = await w.claimOne();
    const { id, namespace } = batch;
    const asked = await w.driver.changeBatch({ id, namespace, change: "cancel", at: T + SECOND });
    assert.deepEqual([asked?.state, asked?.cancelRequestedAt, asked?.sealedAt], [
      "running",
      T + SECOND,
      T + SECOND,
    ]);
    assert.equal((await w.insert(w.make({ options: { batch: id } }))).state, "cancelled");
    await w.amend(await w.job(jobs[1]?.id ?? ""), { kind: "cancel", reason: "no" });
    assert.deepEqual(turnsOf(await tell(w)), []);
    await w.settle(running, done);
    const told = await tell(w);
    assert.deepEqual([turnsOf(told), typesOf(told)], [["cancelled"], ["on.finish"]]);
    const { state, counts } = await look(w, id);
    assert.deepEqual([state, counts.completed, counts.cancelled], ["cancelled", 1, 2]);
    // It has ended: nothing is changed any more.
    assert.equal(
      (await w.driver.changeBatch({ id, namespace, change: "cancel", at: LATER }))?.state,
      "cancelled",
    );
    assert.deepEqual(turnsOf(await tell(w)), []);
  },
  "notes are counted in bounded steps, and the end is told with the last": async (w) => {
    const { batch } = await batchOf(w, 25, { callbacks: callbacks(800_060, "complete") });
    await finishAll(w);
    const steps: string[][] = [];
    for (let more = true; more;) {
      const told = await w.driver.tellBatches({ now: LATER, limit: 10 });
      steps.push(turnsOf(told));
      more = told.more;
    }
    assert.deepEqual(steps, [[], [], ["completed"]]);
    assert.equal((await look(w, batch.id)).counts.completed, 25);
  },
  "many that count at once count each end once": async (w) => {
    const { batch } = await batchOf(w, 60, { callbacks: callbacks(800_070, "complete", "finish") });
    const other = await batchOf(w, 30, { callbacks: callbacks(800_080, "complete") });
    const { jobs } = await w.claim({ limit: 100 });
    const ends = jobs.map((job) => w.settle(job, done));
    const tellers = Array.from({ length: 20 }, () => w.driver.tellBatches({ now: LATER, limit: 7 }));
    await Promise.all([...ends, ...tellers]);
    const rest = await Promise.all([tell(w, LATER, 9), tell(w, LATER, 11), tell(w)]);
    const callbackTypes = [...(await Promise.all(tellers)), ...rest].flatMap(typesOf).sort();
    assert.deepEqual(callbackTypes, ["on.complete", "on.complete", "on.finish"]);
    for (const [id, total] of [[batch.id, 60], [other.batch.id, 30]] as const) {
      const { state, counts } = await look(w, id);
      assert.deepEqual([state, counts.completed, counts.open], ["completed", total, 0]);
    }
  },
  "jobs that are added while others end are all counted": async (w) => {
    const { batch } = await batchOf(w, 20, { sealedAt: null });
    const { jobs } = await w.claim({ limit: 20 });
    await Promise.all([
      ...jobs.map((job) => w.settle(job, done)),
      ...Array.from({ length: 10 }, () => w.insert(w.make({ options: { batch: batch.id } }))),
      ...Array.from({ length: 5 }, () => w.driver.tellBatches({ now: LATER, limit: 100 })),
      w.driver.changeBatch({ id: batch.id, namespace: "default", change: "seal", at: LATER }),
    ]);
    await tell(w);
    const { state, counts } = await look(w, batch.id);
    assert.deepEqual([state, counts.total, counts.open, counts.completed], ["running", 30, 10, 20]);
  },
  "its jobs are listed page by page, oldest first, whatever their states": async (w) => {
    const { batch, jobs } = await batchOf(w, 5);
    await w.addMany(3);
    await w.settle(await w.claimOne(), done);
    const ids = jobs.map(({ id }) => id);
    assert.deepEqual(await w.list({ batch: batch.id, limit: 2 }), ids);
    assert.deepEqual(await w.list({ batch: batch.id, states: ["completed"] }), ids.slice(0, 1));
    assert.deepEqual(await w.list({ batch: batch.id, states: ["available", "completed"], limit: 2 }), ids);
    assert.deepEqual(await w.list({ batch: idOf(1) }), []);
  },
  "batches are listed newest first, by state, by type, page by page": async (w) => {
    const all: string[] = [];
    const states: BatchState[] = ["completed", "running", "open"];
    for (let at = 0; at < 6; at++) {
      const state = states[at % 3];
      const { batch } = await batchOf(w, state === "running" ? 1 : 0, {
        type: at < 3 ? "import" : "export",
        ...(state === "open" ? { sealedAt: null } : {}),
      });
      all.unshift(batch.id);
    }
    await tell(w);
    const ids = async (
      over: { states?: BatchState[]; types?: string[]; limit?: number },
    ): Promise<string[]> => {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const query = {
          namespace: "default",
          limit: 2,
          ...over,
          ...(cursor === undefined ? {} : { cursor }),
        };
        const page = await w.driver.batches(query);
        found.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return found;
    };
    assert.deepEqual(await ids({}), all);
    assert.deepEqual(await ids({ states: ["completed"] }), [all[2], all[5]]);
    assert.deepEqual(await ids({ states: ["open", "running"], types: ["export"] }), [all[0], all[1]]);
    assert.deepEqual((await w.driver.batches({ namespace: "other", limit: 9 })).items, []);
    for (const cursor of ["nonsense", btoa("[7,null]"), btoa('[0,["x"]]')]) {
      await refused("invalid_request", w.driver.batches({ namespace: "default", limit: 9, cursor }));
    }
    const counts = await w.driver.batchCounts("default", 1);
    assert.deepEqual(
      counts.map(({ state, count, capped }) => `${state} ${count}${capped ? "+" : ""}`),
      ["open 1+", "running 1+", "completed 1+", "failed 0", "cancelled 0"],
    );
    assert.deepEqual(
      new Set((await w.driver.batchCounts("other", 9)).map(({ count }) => count)),
      new Set([0]),
    );
  },
  "a batch is kept as long as it has jobs, and for its own time": async (w) => {
    const { batch } = await batchOf(w, 2, {}, { options: { retentionMs: 10 * DAY } });
    const short = await batchOf(w, 1, { retentionMs: SECOND });
    const open = await batchOf(w, 1, { sealedAt: null, retentionMs: SECOND });
    await finishAll(w);
    await tell(w);
    const prune = async (now: number): Promise<string[]> => {
      let cursor: string | undefined;
      do {
        const request = { now, retention: DEFAULT_RETENTION, limit: 3 };
        cursor = (await w.driver.prune({ ...request, ...(cursor === undefined ? {} : { cursor }) })).cursor;
      } while (cursor !== undefined);
      return (await w.driver.batches({ namespace: "default", limit: 9 })).items.map(({ id }) => id);
    };
    const all = [open.batch.id, short.batch.id, batch.id];
    assert.deepEqual(await prune(T + 2 * DAY), all);
    assert.deepEqual(await prune(T + 8 * DAY), [open.batch.id, batch.id]);
    assert.deepEqual(await prune(T + 12 * DAY), [open.batch.id]);
    assert.deepEqual(await tell(w), { turns: [], callbacks: [] });
  },
};
