import assert from "node:assert/strict";
import type { Encryption } from "../../src/domain/encryption.ts";
import type { Json } from "../../src/domain/json.ts";
import { defineJob, Jobd, JobdError, type JobRequest, type OpenOptions } from "../../src/mod.ts";
import type { Handlers } from "../../src/runtime/worker_options.ts";
import { intercepted } from "../../src/storage/intercept.ts";
import { type Chapter, done, MINUTE, T, type World } from "./world.ts";

const key = (byte: number): string => new Uint8Array(32).fill(byte).toBase64();
const OLD = { keys: { k1: key(1) }, current: "k1", uniqueKey: key(9) };
const BOTH = { keys: { k1: key(1), k2: key(2) }, current: "k2", uniqueKey: key(9) };
const NEW = { keys: { k2: key(2) }, current: "k2", uniqueKey: key(9) };
const SECRET = { card: "4111 1111 1111 1111", list: [null, 0.5, "ä 😀"] };
const WAIT = { timeout: "60s" };

/** A program on the store of the test, which stays open when the program ends. */
function open(w: World, encryption?: OpenOptions["encryption"]): Promise<Jobd> {
  const shared = intercepted(
    w.driver,
    async ({ method, effect }) => method === "close" ? undefined : await effect(),
  );
  return Jobd.open(shared, encryption === undefined ? {} : { encryption });
}

async function works(jobd: Jobd, handlers: Handlers) {
  const worker = jobd.worker({ handlers, pollIntervalMs: 20, shutdownTimeoutMs: 0 });
  await worker.start();
  return worker;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const isSealed = (value: Json): boolean => Object.keys(value ?? {}).join() === "$encrypted";

async function keyOf(w: World, id: string): Promise<string | undefined> {
  return (await w.job(id)).options.encrypted?.key;
}

const refused = (message: RegExp) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === "key_missing" && message.test(error.message);

/** Answers of requests with the same key, one after the other, and what the job is then. */
async function replaced(w: World, first: Partial<JobRequest>, second: Partial<JobRequest>) {
  await using jobd = await open(w, BOTH);
  const base = { type: "pay", delay: "1h" };
  const one = await jobd.enqueue({ ...base, ...first, unique: { key: "k" } });
  const two = await jobd.enqueue({ ...base, unique: { key: "k", onConflict: "replace" }, ...second });
  assert.deepEqual([two.outcome, two.id], ["replaced", one.id]);
  return { raw: await w.job(one.id), read: await jobd.jobs.get(one.id) };
}

export const encryptionChapter: Chapter = {
  "the store holds ciphertext of payload, result and steps; who has the key reads them": async (w) => {
    await using jobd = await open(w, OLD);
    const seen: unknown[] = [];
    const pay = defineJob<typeof SECRET>({
      type: "pay",
      encrypt: true,
      backoff: { base: "1ms" },
      run: async ({ payload, attempt }, { step, checkpoint }) => {
        const kept = await step("charge", () => payload.card);
        if (attempt === 1) {
          await checkpoint({ at: payload.card });
          throw new Error("once more");
        }
        seen.push(kept, await checkpoint());
        return { paid: payload.card };
      },
    });
    const job = await jobd.enqueue(pay, SECRET, { tags: ["t"] });
    const before = await w.job(job.id);
    assert.ok(isSealed(before.payload));
    assert.deepEqual([before.options.tags, before.options.encrypted?.key], [["t"], "k1"]);
    const worker = await works(jobd, [pay]);
    assert.deepEqual(await job.result(WAIT), { paid: SECRET.card });
    await worker.stop();
    assert.deepEqual(seen, [SECRET.card, { at: SECRET.card }]);
    const after = await w.job(job.id);
    assert.ok(isSealed(after.result));
    const steps = [await w.driver.step(job.id, "charge"), await w.driver.step(job.id, "")];
    assert.ok(steps.every((step) => step !== undefined && isSealed(step)));
    assert.doesNotMatch(JSON.stringify([after, steps]), /4111/);
    const [listed] = await Array.fromAsync(jobd.jobs.list({ type: "pay" }));
    assert.deepEqual([listed?.payload, listed?.result, listed?.sealed], [SECRET, {
      paid: SECRET.card,
    }, undefined]);
    assert.deepEqual(await Array.fromAsync(jobd.jobs.list({ search: "4111" })), []);
  },
  "a replacement brings its own encryption along": async (w) => {
    const { raw, read } = await replaced(w, { encrypt: true, payload: 1 }, {
      encrypt: true,
      payload: SECRET,
    });
    assert.ok(isSealed(raw.payload));
    assert.deepEqual([read.payload, read.sealed], [SECRET, undefined]);
  },
  "a plain payload takes the place of an encrypted one": async (w) => {
    const { raw, read } = await replaced(w, { encrypt: true, payload: SECRET }, { payload: { plain: 1 } });
    assert.deepEqual([raw.payload, raw.options.encrypted], [{ plain: 1 }, undefined]);
    assert.deepEqual(read.payload, { plain: 1 });
  },
  "an encrypted payload takes the place of a plain one": async (w) => {
    const { raw, read } = await replaced(w, { payload: 1 }, { encrypt: true, payload: SECRET });
    assert.ok(isSealed(raw.payload));
    assert.deepEqual(read.payload, SECRET);
  },
  "a debounced job takes over payload and encryption, and only what is replaced": async (w) => {
    const debounce = await replaced(w, { payload: 1 }, {
      encrypt: true,
      payload: SECRET,
      unique: { key: "k", onConflict: "debounce" },
    });
    assert.deepEqual(debounce.read.payload, SECRET);
    const priority = await replaced(w, { payload: 1, type: "other", encrypt: true }, {
      type: "other",
      payload: { plain: 1 },
      priority: 5,
      unique: { key: "k", onConflict: "replace", replace: ["priority"] },
    });
    assert.deepEqual([priority.read.payload, priority.read.priority], [1, 5]);
    assert.ok(isSealed(priority.raw.payload));
  },
  "an update encrypts what was encrypted, and what must be": async (w) => {
    await using jobd = await open(w, { ...OLD, types: ["always"] });
    const [one, two, plain] = await jobd.enqueueMany([
      { type: "pay", encrypt: true, delay: "1h", payload: 1, tags: ["a"] },
      { type: "pay", delay: "1h", payload: 1 },
      { type: "pay", delay: "1h", payload: 1 },
    ]);
    await jobd.jobs.update(one?.id ?? "", { payload: SECRET, tags: ["b"] });
    const raw = await w.job(one?.id ?? "");
    assert.ok(isSealed(raw.payload));
    assert.deepEqual(raw.options.tags, ["b"]);
    assert.deepEqual((await jobd.jobs.get(raw.id)).payload, SECRET);
    await jobd.jobs.update(two?.id ?? "", { payload: 2 });
    assert.deepEqual((await w.job(two?.id ?? "")).payload, 2);
    await using strict = await open(w, { ...OLD, types: "all" });
    await strict.jobs.update(plain?.id ?? "", { payload: SECRET });
    assert.ok(isSealed((await w.job(plain?.id ?? "")).payload));
    await using keyless = await open(w);
    await assert.rejects(keyless.jobs.update(raw.id, { payload: 1 }), refused(/there is no key here/));
    await keyless.jobs.update(raw.id, { priority: 3 });
    assert.deepEqual((await jobd.jobs.get(raw.id)).payload, SECRET);
  },
  "without the key a job can be seen and acted on, but neither read nor run": async (w) => {
    await using owner = await open(w, OLD);
    const { id } = await owner.enqueue({ type: "pay", payload: SECRET, encrypt: true, maxAttempts: 1 });
    await using other = await open(w);
    await using wrong = await open(w, { keys: { k1: key(7) }, current: "k1" });
    const blind = await other.jobs.get(id);
    assert.deepEqual([blind.payload, blind.sealed], ["[encrypted]", 'the encryption key "k1" is not here']);
    assert.match((await wrong.jobs.get(id)).sealed ?? "", /does not open with the encryption key "k1"/);
    let ran = 0;
    const keyless = await works(other, { pay: () => ++ran });
    await until(async () => (await w.job(id)).state === "scheduled");
    await keyless.stop();
    const held = await w.job(id);
    assert.deepEqual([held.failures, ran, isSealed(held.payload)], [0, 0, true]);
    assert.match((await owner.jobs.executions(id))[0]?.error?.message ?? "", /cannot be read here/);
    await owner.jobs.run(id);
    const worker = await works(owner, { pay: () => ++ran });
    await owner.jobs.wait(id, { timeoutMs: 60_000 });
    await worker.stop();
    const blindEnd = await other.jobs.get(id);
    assert.deepEqual([ran, blindEnd.result], [1, "[encrypted]"]);
    await other.jobs.delete(id);
    await assert.rejects(other.enqueue({ type: "pay", encrypt: true }), refused(/"pay" are to be encrypted/));
  },
  "parents, follow-ups and the ticks of schedules": async (w) => {
    await using jobd = await open(w, { ...OLD, types: ["parent", "child", "tick"] });
    const parent = await jobd.enqueue({ type: "parent", payload: SECRET });
    const child = await jobd.enqueue({ type: "child", after: { jobs: [parent.id] } });
    const worker = await works(jobd, {
      parent: async ({ payload }, { enqueue }) => {
        await enqueue({ type: "child", payload: SECRET, tags: ["follow"], delay: "1h" });
        return payload;
      },
      child: async (_, { parents }) => (await parents()).map(({ result }) => result),
    });
    assert.deepEqual(await child.result(WAIT), [SECRET]);
    await worker.stop();
    const [follow] = await Array.fromAsync(jobd.jobs.list({ tag: ["follow"] }));
    assert.deepEqual(follow?.payload, SECRET);
    assert.ok(isSealed((await w.job(follow?.id ?? "")).payload));
    await jobd.schedules.create("s", { every: "1h", job: { type: "tick", payload: SECRET } });
    const tick = await jobd.schedules.run("s");
    assert.ok(isSealed((await w.job(tick?.id ?? "")).payload));
    assert.deepEqual((await tick?.job())?.payload, SECRET);
  },
  "uniqueness by payload and fields has a keyed hash, which a new key for payloads does not change": async (
    w,
  ) => {
    const request = {
      type: "pay",
      payload: SECRET,
      encrypt: true,
      unique: { fields: ["card"] },
      delay: "1h",
    } as const;
    await using old = await open(w, OLD);
    const { id } = await old.enqueue(request);
    const plain = await old.enqueue({ ...request, encrypt: false });
    assert.equal(plain.outcome, "created");
    const [hash, plainHash] = [
      (await w.job(id)).options.unique?.hash,
      (await w.job(plain.id)).options.unique?.hash,
    ];
    assert.ok(hash !== undefined && hash !== plainHash);
    await using rotated = await open(w, NEW);
    assert.deepEqual((await rotated.enqueue(request)).id, id);
    const { uniqueKey: _, ...none } = NEW;
    await using without = await open(w, none);
    await assert.rejects(without.enqueue(request), refused(/unique by their payload, and the key for that/));
    assert.equal((await without.enqueue({ ...request, unique: { key: "k" } })).outcome, "created");
  },
  "a result that is given from outside is encrypted, too": async (w) => {
    await using jobd = await open(w, OLD);
    const worker = await works(jobd, { wait: async (_, { waitFor }) => await waitFor("answer") });
    const job = await jobd.enqueue({ type: "wait", encrypt: true });
    await until(async () => (await w.job(job.id)).state === "blocked");
    await worker.stop();
    await using other = await open(w);
    await assert.rejects(other.waits.complete(job.id, SECRET), refused(/"k1" is not here/));
    await jobd.waits.complete(job.id, SECRET);
    assert.ok(isSealed((await w.job(job.id)).result));
    assert.deepEqual(await job.result(WAIT), SECRET);
  },
  "rotation: jobs in every state change to the new key, and lose nothing": async (w) => {
    await using old = await open(w, OLD);
    const jobs = await old.enqueueMany([
      ...Array.from({ length: 230 }, (_, n) => ({ type: "pay", payload: { n }, encrypt: true })),
      { type: "pay", payload: { n: 230 }, encrypt: true, delay: "1h" },
      { type: "plain", payload: 1 },
    ]);
    const ids = jobs.map(({ id }) => id);
    let failed = 0;
    const worker = await works(old, {
      retry: async (job, { step }) => {
        const first = await step("one", () => job.attempt);
        if (job.attempt === 1) {
          failed++;
          throw new Error("no");
        }
        return first;
      },
      end: ({ payload }) => payload,
    });
    const retry = await old.enqueue({ type: "retry", encrypt: true, backoff: { base: "1h" } });
    const end = await old.enqueue({ type: "end", encrypt: true, payload: SECRET });
    await end.result(WAIT);
    await until(async () => (await w.job(retry.id)).state === "scheduled");
    await worker.stop();

    await using jobd = await open(w, BOTH);
    const before = new Map<string, unknown>();
    for (const id of [ids[0] ?? "", ids[230] ?? "", retry.id, end.id]) {
      const { options: { encrypted: _, ...options }, ...job } = await w.job(id);
      before.set(id, { ...job, options });
    }
    const order = await w.list({ states: ["available"] });
    const told: number[] = [];
    const { succeeded, failed: misses } = await jobd.reencrypt({
      onProgress: (count) => void told.push(count),
    });
    assert.deepEqual([succeeded.length, new Set(succeeded).size, misses], [233, 233, []]);
    assert.deepEqual([told.length >= 2, told.at(-1)], [true, 234]);
    for (const id of [...ids.slice(0, 231), retry.id, end.id]) assert.equal(await keyOf(w, id), "k2");
    for (const [id, was] of before) {
      const { options: { encrypted: _, ...options }, ...job } = await w.job(id);
      assert.deepEqual({ ...job, options }, was);
    }
    assert.deepEqual(await w.list({ states: ["available"] }), order);
    assert.deepEqual((await jobd.reencrypt()).counts, { succeeded: 0, failed: 0 });

    await using last = await open(w, NEW);
    assert.deepEqual((await last.jobs.get(ids[230] ?? "")).payload, { n: 230 });
    assert.deepEqual((await last.jobs.get(end.id)).result, SECRET);
    await last.jobs.run(retry.id);
    const second = await works(last, {
      retry: async (job, { step }) => await step("one", () => job.attempt),
    });
    assert.equal(await last.jobs.wait(retry.id, { timeoutMs: 60_000 }).then(({ result }) => result), 1);
    await second.stop();
    assert.equal(failed, 1);
  },
  "rotation while a job runs: its end is written and can be read": async (w) => {
    await using old = await open(w, OLD);
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const worker = await works(old, {
      slow: async () => {
        begun.resolve();
        await gate.promise;
        return SECRET;
      },
    });
    const slow = await old.enqueue({ type: "slow", encrypt: true });
    await begun.promise;
    await using jobd = await open(w, BOTH);
    assert.deepEqual((await jobd.reencrypt()).succeeded, [slow.id]);
    gate.resolve();
    await old.jobs.wait(slow.id, { timeoutMs: 60_000 });
    // Who has only the old key is told so, and gets nothing that looks like a result.
    await assert.rejects(
      slow.result(WAIT),
      refused(/cannot be read here: the encryption key "k2" is not here/),
    );
    await worker.stop();
    await using last = await open(w, NEW);
    assert.deepEqual((await last.jobs.get(slow.id)).result, SECRET);
  },
  "rotation names what it cannot rewrite": async (w) => {
    await using old = await open(w, OLD);
    const { id } = await old.enqueue({ type: "pay", encrypt: true });
    await using third = await open(w, { keys: { k3: key(3) }, current: "k3" });
    assert.deepEqual(await third.reencrypt(), {
      succeeded: [],
      failed: [{ id, code: "key_missing", reason: 'the encryption key "k1" is not here' }],
      counts: { succeeded: 0, failed: 1 },
    });
    await using none = await open(w);
    await assert.rejects(none.reencrypt(), refused(/no key to encrypt with/));
  },
  "a key is stored anew only where it still is as it was seen": async (w) => {
    const encrypted = { key: "k1", wrapped: "a" };
    const options = { encrypted, tags: ["x"], uniqueKey: "u" };
    const waiting = await w.add({ options });
    const later = await w.add({ type: "other", runAt: T + MINUTE, options });
    const plain = await w.add({ options: { tags: ["x"] } });
    const rekey = (was: Encryption, wrapped: string) =>
      ({ kind: "rekey", was, encrypted: { key: "k2", wrapped } }) as const;
    for (const job of [waiting, later]) {
      assert.equal(await w.amend(job, rekey({ key: "k1", wrapped: "b" }, "c")), "stale");
      assert.equal(await w.amend({ ...job, attempt: 7 }, rekey(encrypted, "c")), "stale");
      assert.deepEqual(await w.job(job.id), job);
      assert.equal(await w.amend(job, rekey(encrypted, "c")), "applied");
      assert.equal(await w.amend(job, rekey(encrypted, "d")), "stale");
      assert.deepEqual(await w.job(job.id), {
        ...job,
        options: { ...options, encrypted: { key: "k2", wrapped: "c" } },
      });
    }
    assert.equal(await w.amend(plain, rekey(encrypted, "c")), "stale");
    const claimed = await w.claimOne();
    assert.equal(claimed.id, waiting.id);
    assert.equal(await w.amend(claimed, rekey({ key: "k2", wrapped: "c" }, "e")), "applied");
    await w.settle(claimed, done);
    const ended = await w.job(waiting.id);
    assert.deepEqual([ended.state, ended.options.encrypted?.wrapped], ["completed", "e"]);
    assert.equal(await w.amend(ended, rekey({ key: "k2", wrapped: "e" }, "f")), "applied");
    assert.equal((await w.job(waiting.id)).options.encrypted?.wrapped, "f");
  },
};
