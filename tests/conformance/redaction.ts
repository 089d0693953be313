import assert from "node:assert/strict";
import type { Replacement } from "../../src/domain/replacement.ts";
import { insert, make } from "./unique_world.ts";
import { amendment, type Chapter, doomed, failed, MINUTE, SECOND, T, type World } from "./world.ts";

const payload = { token: "tok_1234", to: "ada" };
const redact = ["card.number", "items.*.secret", "token"];
const AT = T + 2 * SECOND;

async function listOf(w: World, id: string): Promise<unknown> {
  return (await w.job(id)).options.redact;
}

async function replaced(w: World, id: string, set: Replacement): Promise<unknown> {
  assert.equal(await w.amend(await w.job(id), { kind: "replace", set }, AT), "applied");
  return await listOf(w, id);
}

/** What is redacted travels with the job: the store keeps the list, and never looks into the payload for somebody. */
export const redactionChapter: Chapter = {
  "the list is kept from enqueue to end, through failures and a new life": async (w) => {
    const job = await w.add({ payload, options: { redact } });
    const first = await w.claimOne();
    assert.deepEqual([first.payload, first.options.redact], [payload, redact]);
    await w.settle(first, failed);
    assert.deepEqual(await listOf(w, job.id), redact);
    await w.driver.promote(T + 10 * MINUTE, 10);
    await w.settle(await w.claimOne({ now: T + 10 * MINUTE }), doomed, T + 11 * MINUTE);
    assert.deepEqual(await listOf(w, job.id), redact);
    await w.amend(await w.job(job.id), { kind: "makeAvailable" }, T + 12 * MINUTE);
    const again = await w.claimOne({ now: T + 12 * MINUTE });
    assert.deepEqual([again.payload, again.options.redact], [payload, redact]);
    await w.settle(again, { kind: "completed", result: { token: "tok_5678" } }, T + 13 * MINUTE);
    const { result, options } = await w.job(job.id);
    assert.deepEqual([result, options.redact], [{ token: "tok_5678" }, redact]);
  },
  "with a payload the list is replaced, without one paths are only added": async (w) => {
    const { id } = await w.add({ payload, options: { redact: ["token"], tags: ["t"] } });
    assert.deepEqual(await replaced(w, id, { options: { redact: ["to"] } }), ["to", "token"]);
    assert.deepEqual(await replaced(w, id, { options: { redact: null } }), ["to", "token"]);
    assert.deepEqual(await replaced(w, id, { payload: { token: 1 } }), ["to", "token"]);
    assert.deepEqual(await replaced(w, id, { payload: { a: 1 }, options: { redact: ["a"] } }), ["a"]);
    assert.deepEqual(await replaced(w, id, { payload: { a: 1 }, options: { redact: null } }), undefined);
    assert.deepEqual((await w.job(id)).options, { tags: ["t"] });
    assert.deepEqual(await replaced(w, id, { options: { redact: ["a"] } }), ["a"]);
  },
  "changes that were planned together take nothing away from each other": async (w) => {
    const job = await w.add({ payload, options: { redact: ["token"] } });
    const changes: Replacement[] = [
      { payload: { key: "k" }, options: { redact: ["key"] } },
      { options: { redact: ["to"] } },
    ];
    const plans = changes.map((set) => amendment(job, { kind: "replace", set }, AT));
    assert.deepEqual(await Promise.all(plans.map((plan) => w.driver.amend([plan]))), [["applied"], [
      "applied",
    ]]);
    const now = await w.job(job.id);
    assert.deepEqual(now.payload, { key: "k" });
    assert.ok(now.options.redact?.includes("key"), String(now.options.redact));
  },
  "a job that is replaced takes over the list with the payload, and with nothing else": async (w) => {
    const replace = { onConflict: "replace" } as const;
    const first = await insert(w, replace, { payload, options: { redact: ["token"] } });
    await insert(w, { ...replace, replace: ["priority"] }, { payload: { b: 1 }, options: { redact: ["b"] } });
    assert.deepEqual(await listOf(w, first.id), ["token"]);
    await insert(w, { ...replace, replace: ["payload"] }, { payload: { b: 1 }, options: { redact: ["b"] } });
    assert.deepEqual([(await w.job(first.id)).payload, await listOf(w, first.id)], [{ b: 1 }, ["b"]]);
    await w.driver.insert([make(w, replace, { payload: { free: 1 } })]);
    assert.deepEqual([(await w.job(first.id)).payload, await listOf(w, first.id)], [{ free: 1 }, undefined]);
  },
  "a search looks into no payload of which anything is redacted": async (w) => {
    const error = { code: "error", message: "Disk full for ada" };
    const hidden = await w.finish({ kind: "failed", error, permanent: true }, {
      payload,
      options: { redact },
    });
    const open = await w.add({ payload, options: { tags: ["redact"] } });
    for (const search of ["tok_", "TOKEN", "1234", '"to"']) {
      assert.deepEqual(await w.list({ search }), [open.id]);
    }
    assert.deepEqual(await w.list({ search: "disk" }), [hidden.id]);
    assert.deepEqual(await w.list({ search: "ada" }), [open.id, hidden.id]);
    assert.deepEqual(await w.list({ search: "tok_", states: ["dead"] }), []);
  },
};
