import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { defineJob, fail, type Job, Jobd, JobdError, type Logger, type OpenOptions } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { perform, TestJobd } from "../../src/testing/mod.ts";

// What the store holds, and rotation, is tested on all backends in tests/conformance/encryption.ts.

const key = (byte: number): string => new Uint8Array(32).fill(byte).toBase64();
const OLD = { keys: { k1: key(1) }, current: "k1" };
const BOTH = { keys: { k1: key(1), k2: key(2) }, current: "k2" };
const SECRET = { card: "4111 1111 1111 1111", list: [null, 0.5, "ä 😀"] };

const open = (driver: MemoryDriver, encryption?: OpenOptions["encryption"]): Promise<Jobd> =>
  Jobd.open(driver, encryption === undefined ? {} : { encryption });

const refused = (code: string, message: RegExp) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === code && message.test(error.message);

/** What the store holds. */
async function stored(driver: MemoryDriver, id: string): Promise<Job> {
  const [job] = await driver.get([id]);
  assert.ok(job);
  return job;
}

function noted(): { log: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const warn: Logger["warn"] = (message, fields) => void warnings.push(`${message}: ${fields?.type}`);
  return { warnings, log: { debug: () => {}, info: () => {}, warn, error: warn } };
}

Deno.test("types may be encrypted always, whatever a job says; others only when they ask", async () => {
  const driver = new MemoryDriver();
  const encrypted = async (jobd: Jobd, request: object): Promise<boolean> => {
    const { id } = await jobd.enqueue({ type: "mail", payload: {}, ...request });
    return (await stored(driver, id)).options.encrypted !== undefined;
  };
  await using some = await open(driver, { ...OLD, types: ["pay"] });
  assert.equal(await encrypted(some, { type: "pay", encrypt: false }), true);
  assert.equal(await encrypted(some, {}), false);
  assert.equal(await encrypted(some, { encrypt: true }), true);
  await using all = await open(driver, { ...OLD, types: "all" });
  assert.equal(await encrypted(all, {}), true);
  await assert.rejects(all.enqueue({ type: "mail", encrypt: "yes" as never }), /Invalid encrypt: "yes"/);
});

Deno.test("a ciphertext opens in no other job, a result in no other place", async () => {
  const driver = new MemoryDriver();
  await using jobd = await open(driver, OLD);
  const [one, two] = await jobd.enqueueMany([
    { type: "pay", payload: SECRET, encrypt: true },
    { type: "pay", payload: SECRET, encrypt: true },
  ]);
  const from = await stored(driver, one?.id ?? "");
  const to = await stored(driver, two?.id ?? "");
  assert.notDeepEqual(from.payload, to.payload);
  const change = { kind: "replace", set: { payload: from.payload } } as const;
  await driver.amend([{ id: to.id, from: to.state, attempt: 0, at: 0, change }]);
  const moved = await jobd.jobs.get(to.id);
  assert.equal(moved.payload, "[encrypted]");
  assert.match(moved.sealed ?? "", /it was changed or moved/);

  const { Keyring } = await import("../../src/runtime/encryption/keyring.ts");
  const keyring = await Keyring.of(OLD);
  const step = { field: "step", name: "a" } as const;
  const sealed = await keyring.sealPart(from, step, 1);
  assert.equal(await keyring.openPart(from, step, sealed), 1);
  const strangers = [
    { job: from, part: { ...step, name: "b" } },
    { job: from, part: { field: "result" } as const },
    { job: { ...from, id: to.id }, part: step },
  ];
  for (const { job, part } of strangers) {
    await assert.rejects(keyring.openPart(job, part, sealed), /does not open: it was changed or moved/);
  }
  const [abroad] = await keyring.open([{ ...structuredClone(from), namespace: "other" }]);
  assert.match(abroad?.sealed ?? "", /does not open/);
});

Deno.test("what looks like ciphertext in a job that is not encrypted is left as it is", async () => {
  await using jobd = await open(new MemoryDriver(), OLD);
  const payload = { $encrypted: "AAAA" };
  const { id } = await jobd.enqueue({ type: "a", payload });
  assert.deepEqual((await jobd.jobs.get(id)).payload, payload);
});

Deno.test("reencrypt() overwrites nothing that changed between the look and the write", async () => {
  class Hurried extends MemoryDriver {
    before: (() => Promise<void>) | undefined;
    override async amend(...given: Parameters<MemoryDriver["amend"]>) {
      const before = this.before;
      this.before = undefined;
      await before?.();
      return await super.amend(...given);
    }
  }
  const driver = new Hurried();
  await using old = await open(driver, OLD);
  await using jobd = await open(driver, BOTH);
  const { id } = await old.enqueue({ type: "pay", payload: 1, encrypt: true });
  driver.before = () => old.jobs.update(id, { payload: 2 });
  assert.deepEqual(await jobd.reencrypt(), {
    succeeded: [id],
    failed: [],
    counts: { succeeded: 1, failed: 0 },
  });
  assert.equal((await jobd.jobs.get(id)).payload, 2);
  assert.equal((await stored(driver, id)).options.encrypted?.key, "k2");
});

Deno.test("error handlers and functions for backoff see the job as its handler does", async () => {
  await using jobd = await open(new MemoryDriver(), OLD);
  const seen: unknown[] = [];
  const bad = defineJob<typeof SECRET>({
    type: "bad",
    encrypt: true,
    backoff: (_failures, _error, job) => {
      seen.push(job.payload);
      return "1ms";
    },
    run: () => fail({ code: "no", message: "no" }),
  });
  const worker = jobd.worker({
    handlers: [bad],
    pollIntervalMs: 20,
    onError: ({ job }) => void seen.push(job.payload),
  });
  await worker.start();
  const { id } = await jobd.enqueue(bad, SECRET, { maxAttempts: 2 });
  const job = await jobd.jobs.wait(id, { timeoutMs: 60_000 });
  await worker.stop();
  assert.deepEqual([job.state, job.payload], ["dead", SECRET]);
  assert.ok(seen.length >= 3);
  for (const payload of seen) assert.deepEqual(payload, SECRET);
});

Deno.test("a job in plain text whose definition or type wants encryption runs, and the log says so", async () => {
  const driver = new MemoryDriver();
  await using plain = await open(driver);
  await using jobd = await open(driver, { ...OLD, types: ["listed"] });
  const { log, warnings } = noted();
  const run = (): string => "ran";
  const defined = defineJob({ type: "defined", encrypt: true, run });
  const handlers = [defined, { type: "listed", run }, { type: "other", run }];
  const jobs = await plain.enqueueMany(["defined", "listed", "other"].map((type) => ({ type })));
  const worker = jobd.worker({ handlers, pollIntervalMs: 20, log });
  await worker.start();
  for (const job of jobs) assert.equal(await job.result({ timeout: "60s" }), "ran");
  await worker.stop();
  const what = "A job that should be encrypted is stored in plain text";
  assert.deepEqual(warnings.sort(), [`${what}: defined`, `${what}: listed`]);
});

Deno.test("a handler in a process of its own needs no key, and its steps are encrypted", async () => {
  const driver = new MemoryDriver();
  await using jobd = await open(driver, { ...OLD, types: "all" });
  const module = fileURLToPath(new URL("../isolation/jobs.ts", import.meta.url));
  const worker = jobd.worker({ modules: [module], pollIntervalMs: 20, shutdownTimeoutMs: 0 });
  await worker.start();
  const { id } = await jobd.enqueue({ type: "all", maxAttempts: 2 });
  const { state, result } = await jobd.jobs.wait(id, { timeoutMs: 120_000 });
  await worker.stop();
  assert.equal(state, "completed");
  assert.deepEqual((result as { kept: unknown }).kept, { attempt: 1 });
  for (const name of ["", "once"]) {
    assert.deepEqual(Object.keys(await driver.step(id, name) as object), ["$encrypted"]);
  }
});

Deno.test("a scheduler without the key writes the tick down as failed, and others go on", async () => {
  const driver = new MemoryDriver();
  await using jobd = await open(driver);
  await jobd.schedules.create("secret", { every: "1h", job: { type: "a", encrypt: true } });
  await jobd.schedules.create("open", { every: "1h", job: { type: "b" } });
  const to = jobd.now();
  for (const name of ["secret", "open"]) {
    await jobd.schedules.backfill(name, { from: to - 7_200_000, to });
  }
  const outcomes = async (name: string) =>
    new Set((await jobd.schedules.history(name)).map(({ outcome }) => outcome));
  assert.deepEqual(await outcomes("open"), new Set(["started"]));
  assert.deepEqual(await outcomes("secret"), new Set(["failed"]));
  assert.match((await jobd.schedules.history("secret"))[0]?.reason ?? "", /there is no key here/);
});

Deno.test("the testing kit has keys of its own, and shows jobs as they were asked for", async () => {
  const pay = defineJob<typeof SECRET, string>({
    type: "pay",
    encrypt: true,
    run: async ({ payload }, { step }) => await step("s", () => payload.card),
  });
  await using test = await TestJobd.open();
  await test.jobd.enqueue(pay, SECRET, { unique: { fields: ["card"] } });
  test.assertEnqueued({ type: "pay", payload: SECRET });
  const { result, job } = await perform(pay, SECRET);
  assert.deepEqual([result, job.payload], [SECRET.card, SECRET]);
  assert.equal((await perform(pay, SECRET, { steps: { s: "kept" } })).result, "kept");
});

Deno.test("keys that are none are refused without being shown", async () => {
  const usages: KeyUsage[] = ["encrypt", "decrypt"];
  const sign = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const only = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["decrypt"]);
  const own = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, usages);
  const cases: [unknown, RegExp][] = [
    [{ keys: { k1: "secret" }, current: "k1" }, /key k1 is not 32 bytes in base64/],
    [{ keys: { k1: new Uint8Array(16).toBase64() }, current: "k1" }, /key k1 is not 32 bytes/],
    [{ keys: { "k 1": key(1) }, current: "k 1" }, /Invalid id of an encryption key: "k 1"/],
    [{ keys: { k1: key(1) }, current: "k2" }, /current encryption key "k2" is none of k1/],
    [{ keys: {}, current: "k2" }, /none of no keys/],
    [{ current: "k2" }, /none of no keys/],
    [{ keys: { k1: sign }, current: "k1" }, /key k1 is no key of WebCrypto/],
    [{ keys: { k1: only }, current: "k1" }, /key k1 is no key of WebCrypto/],
    [{ keys: { k1: 5 }, current: "k1" }, /key k1 is no key of WebCrypto/],
    [{ ...OLD, uniqueKey: "secret" }, /The unique key of encryption is not 32 bytes/],
    [{ ...OLD, uniqueKey: own }, /The unique key of encryption is no key of WebCrypto that signs/],
  ];
  for (const [encryption, message] of cases) {
    await assert.rejects(open(new MemoryDriver(), encryption as never), (error: Error) => {
      assert.doesNotMatch(error.message, /secret/);
      return refused("invalid_config", message)(error);
    });
  }
  await using jobd = await open(new MemoryDriver(), { keys: { own }, current: "own", uniqueKey: sign });
  const unique = { fields: ["card"] };
  const { id } = await jobd.enqueue({ type: "a", payload: SECRET, encrypt: true, unique });
  assert.deepEqual((await jobd.jobs.get(id)).payload, SECRET);
  assert.equal((await jobd.enqueue({ type: "a", payload: SECRET, encrypt: true, unique })).id, id);
});

Deno.test("answers and results from outside are encrypted, too; who has no key cannot give them", async () => {
  const driver = new MemoryDriver();
  await using jobd = await open(driver, OLD);
  const worker = jobd.worker({
    handlers: [{ type: "pay", run: async (_, ctx) => [await ctx.waitFor("approval")] }],
  });
  await worker.start();
  const [one, two] = await jobd.enqueueMany([{ type: "pay", encrypt: true }, { type: "pay", encrypt: true }]);
  assert.ok(one && two);
  for (const { id } of [one, two]) {
    while ((await jobd.jobs.get(id)).waitingFor === null) await new Promise((next) => setTimeout(next, 1));
  }
  await using stranger = await open(driver);
  await assert.rejects(
    stranger.waits.resume(one.id, SECRET),
    refused("key_missing", /encryption key "k1" is not here/),
  );
  await jobd.waits.resume(one.id, SECRET);
  assert.deepEqual(await one.result(), [SECRET]);
  await jobd.waits.complete(two.id, SECRET);
  assert.deepEqual(await two.result(), SECRET);
  const held = JSON.stringify([
    await driver.waits(one.id),
    await stored(driver, one.id),
    await stored(driver, two.id),
  ]);
  assert.doesNotMatch(held, /4111/);
  assert.deepEqual((await jobd.waits.list(one.id))[0]?.value, SECRET);
  assert.equal((await stranger.waits.list(one.id))[0]?.value, "[encrypted]");
  await worker.stop();
});

Deno.test("the same store as another tenant sees it has the same keys", async () => {
  await using jobd = await open(new MemoryDriver(), OLD);
  await using other = await jobd.forNamespace("other");
  const { id } = await other.enqueue({ type: "pay", payload: SECRET, encrypt: true });
  assert.deepEqual((await other.jobs.get(id)).payload, SECRET);
});
