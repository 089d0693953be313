import assert from "node:assert/strict";
import type { AuditEntry } from "../../src/domain/audit.ts";
import { auditInput } from "../../src/domain/audit.ts";
import { JobdError } from "../../src/domain/errors.ts";
import { Jobd } from "../../src/runtime/jobd.ts";
import type { OpenOptions } from "../../src/runtime/jobd_options.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { intercepted } from "../../src/storage/intercept.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";

const open = (options: OpenOptions = {}) => Jobd.open(new MemoryDriver(), options);

async function entries(jobd: Jobd): Promise<AuditEntry[]> {
  return (await Array.fromAsync(jobd.audit.list())).reverse();
}

Deno.test("what operators do is written down once: who, what, with what, and what came of it", async () => {
  await using jobd = await open({ actor: { name: "cleanup" } });
  const [a, b] = await jobd.enqueueMany([{ type: "x" }, { type: "x" }]);
  assert.ok(a && b);
  await jobd.jobs.cancel([a.id, b.id]);
  await jobd.jobs.act("retry", [a.id]);
  await jobd.dead.purge();
  await jobd.queues.create("mail", { maxAttempts: 2 });
  await assert.rejects(jobd.queues.pause("none"), { code: "not_found" });
  await jobd.schedules.create("nightly", { cron: "0 3 * * *", job: { type: "x", payload: { iban: "DE1" } } });
  const { token } = await jobd.tokens.create("shop", { role: "enqueue" });
  await jobd.limits.set({ type: "x", concurrency: 1 });
  const all = await entries(jobd);
  assert.deepEqual(all.map(({ operation, outcome, result }) => [operation, outcome, result]), [
    ["jobs.cancel", "done", { succeeded: 2, failed: 0 }],
    ["jobs.retry", "done", { succeeded: 1, failed: 0 }],
    ["dead.purge", "done", { succeeded: 0, failed: 0 }],
    ["queues.create", "done", {}],
    ["queues.pause", "not_found", {}],
    ["schedules.create", "done", all[5]?.result],
    ["tokens.create", "done", { id: token.id }],
    ["limits.set", "done", {}],
  ]);
  assert.deepEqual(all[0]?.input, { which: [a.id, b.id] });
  assert.deepEqual(all[1]?.input, { which: [a.id] });
  assert.deepEqual(all[3]?.input, { name: "mail", settings: { maxAttempts: 2 } });
  assert.match(all[4]?.error ?? "", /none/);
  assert.deepEqual(all[5]?.input, {
    name: "nightly",
    schedule: { cron: "0 3 * * *", job: { type: "x", payload: "[omitted]" } },
  });
  for (const { surface, name, token, role } of all) {
    assert.deepEqual({ surface, name, token, role }, {
      surface: "library",
      name: "cleanup",
      token: null,
      role: null,
    });
  }
});

Deno.test("producers and workers are not operators", async () => {
  await using jobd = await open();
  await using worker = jobd.worker({ handlers: [{ type: "x", run: () => 1 }] });
  await worker.start();
  const job = await jobd.enqueue({ type: "x" });
  await job.result();
  const batch = await jobd.batch([{ type: "x" }], { open: true });
  await jobd.batches.add(batch.id, [{ type: "x" }]);
  await jobd.batches.seal(batch.id);
  await jobd.queues.list();
  await jobd.jobs.get(job.id);
  assert.deepEqual(await entries(jobd), []);
});

Deno.test("what was there before is kept where one thing is changed or removed", async () => {
  await using jobd = await open();
  await jobd.queues.create("mail", { maxAttempts: 2 });
  await jobd.queues.update("mail", { maxAttempts: 9 });
  await jobd.queues.delete("mail");
  await jobd.limits.set({ type: "x", key: "*", concurrency: 1 });
  await jobd.limits.set({ type: "x", key: "*", concurrency: 5 });
  await jobd.limits.set({ queue: "x", concurrency: 5 });
  await jobd.limits.remove({ type: "x", key: "*" });
  await jobd.schedules.create("nightly", { cron: "0 3 * * *", job: { type: "x", payload: { iban: "DE1" } } });
  await jobd.schedules.update("nightly", { cron: "0 4 * * *" });
  const { id } = await jobd.enqueue({ type: "x", priority: 3, payload: { iban: "DE1" } });
  await jobd.jobs.update(id, { priority: 7 });
  await jobd.jobs.update([id], { priority: 8 });
  await assert.rejects(jobd.queues.update("none", {}), { code: "not_found" });
  const found = (await entries(jobd)).map(({ operation, before }) => [operation, before] as const);
  const [schedule, job] = [found[8]?.[1], found[9]?.[1]] as { [key: string]: unknown }[];
  assert.deepEqual(found, [
    ["queues.create", null],
    ["queues.update", { settings: { maxAttempts: 2 }, pausedAt: null }],
    ["queues.delete", { settings: { maxAttempts: 9 }, pausedAt: null }],
    ["limits.set", null],
    ["limits.set", { settings: { concurrency: 1 }, pausedAt: null }],
    ["limits.set", null],
    ["limits.remove", { settings: { concurrency: 5 }, pausedAt: null }],
    ["schedules.create", null],
    ["schedules.update", schedule],
    ["jobs.update", job],
    ["jobs.update", null],
    ["queues.update", null],
  ]);
  assert.match(JSON.stringify(schedule), /"0 3 \* \* \*"/);
  assert.equal(job?.["priority"], 3);
  assert.doesNotMatch(JSON.stringify(found), /DE1/);
});

Deno.test("one object serves several people", async () => {
  await using jobd = await open();
  const { id } = await jobd.enqueue({ type: "x" });
  const ada = jobd.as({
    surface: "http",
    token: "t1",
    name: "ada",
    role: "operate",
    address: "::1",
    requestId: "r",
  });
  await ada.jobs.cancel(id);
  await jobd.as({ name: "bob" }).jobs.retry(id);
  const [first, second] = await entries(jobd);
  assert.deepEqual(
    [first?.surface, first?.token, first?.name, first?.role, first?.address, first?.requestId],
    ["http", "t1", "ada", "operate", "::1", "r"],
  );
  assert.deepEqual([second?.surface, second?.name, second?.token], ["library", "bob", null]);
  const byName = await jobd.audit.page({ actor: "bob" });
  assert.deepEqual(byName.items.map(({ operation }) => operation), ["jobs.retry"]);
});

Deno.test("what makes no sense is not written, what is refused is", async () => {
  await using jobd = await open();
  await assert.rejects(jobd.queues.create("a b"), { code: "invalid_request" });
  await assert.rejects(jobd.jobs.cancel("00000000-0000-7000-8000-000000000000"), { code: "not_found" });
  assert.deepEqual((await entries(jobd)).map(({ operation, outcome }) => [operation, outcome]), [
    ["jobs.cancel", "not_found"],
  ]);
});

Deno.test("an operation stands although it could not be written, and the log says so", async () => {
  const logged: Record<string, unknown>[] = [];
  const driver = intercepted(new MemoryDriver(), ({ method, effect }) => {
    if (method === "addAudit") throw new JobdError("store_unusable", "the disk is full");
    return effect();
  });
  await using jobd = await Jobd.open(driver, {
    log: { ...silentLogger, error: (message, fields) => void logged.push({ message, ...fields }) },
  });
  await jobd.queues.create("mail");
  assert.equal((await jobd.queues.get("mail")).name, "mail");
  assert.equal(logged.length, 1);
  assert.match(String(logged[0]?.["message"]), /missing in the audit log/);
  assert.equal(logged[0]?.["operation"], "queues.create");
  assert.equal(logged[0]?.["reason"], "the disk is full");
});

Deno.test("the log is bounded and holds no secrets and no data of jobs", () => {
  const input = (...args: unknown[]) =>
    auditInput(["a", "b"], args, undefined) as { [name: string]: unknown };
  assert.deepEqual(
    input({ payload: 1, set: { result: 2, password: "x", api_key: "y", deep: { value: 3 } } }, undefined),
    {
      a: {
        payload: "[omitted]",
        set: {
          result: "[omitted]",
          password: "[redacted]",
          api_key: "[redacted]",
          deep: { value: "[omitted]" },
        },
      },
    },
  );
  assert.deepEqual(input(`wait_${"A".repeat(48)}`, { token: "x" }), {
    a: "[omitted]",
    b: { token: "[redacted]" },
  });
  const long = input("x".repeat(1_000), Array.from({ length: 150 }, (_, at) => at));
  assert.equal((long["a"] as string).length, 303);
  assert.equal((long["b"] as unknown[]).length, 101);
  assert.deepEqual(input(Array(100).fill("y".repeat(299))), { omitted: "It has 30207 bytes" });
  assert.deepEqual(input(1n), { omitted: "It is not JSON" });
  assert.deepEqual(input("a\0\ud800"), { a: "a\ufffd\ufffd" });
  let deep: unknown = 1;
  for (let at = 0; at < 50; at++) deep = [deep];
  assert.ok(JSON.stringify(input(deep)).length < 100);
});

Deno.test("filters that cannot be meant are refused", async () => {
  await using jobd = await open();
  for (
    const filter of [{ surface: "fax" }, { operation: "" }, { from: "soon" }, { limit: 0 }, { limit: 1_001 }]
  ) {
    await assert.rejects(
      jobd.audit.page(filter as object),
      { code: "invalid_request" },
      JSON.stringify(filter),
    );
  }
});
