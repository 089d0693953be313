import assert from "node:assert/strict";
import type { AuditEntry, NewAuditEntry } from "../../src/domain/audit.ts";
import type { AuditQuery, Driver } from "../../src/storage/driver.ts";
import { type Chapter, MINUTE, T } from "./world.ts";

function entry(over: Partial<NewAuditEntry> = {}): NewAuditEntry {
  return {
    at: T,
    namespace: "default",
    operation: "jobs.cancel",
    outcome: "done",
    surface: "http",
    token: "abcdefgh",
    name: "Ünïcode's",
    role: "operate",
    address: "10.0.0.1",
    requestId: "r1",
    input: { which: ["a", "b"], options: null },
    before: { settings: { maxAttempts: 3 } },
    result: { succeeded: 1, failed: 1 },
    error: null,
    ...over,
  };
}

async function stored(driver: Driver, query: Partial<AuditQuery> = {}): Promise<AuditEntry[]> {
  const items: AuditEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await driver.audit({
      namespace: "default",
      limit: 2,
      ...query,
      ...(cursor === undefined ? {} : { cursor }),
    });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

export const auditChapter: Chapter = {
  "an entry comes back as it was, with an id that grows": async (w) => {
    const bare = entry({
      token: null,
      name: null,
      role: null,
      address: null,
      requestId: null,
      surface: "library",
      outcome: "not_found",
      error: "There is none",
      result: {},
      before: null,
      input: {},
    });
    await w.driver.addAudit(entry());
    await w.driver.addAudit(bare);
    const [second, first] = await stored(w.driver);
    assert.ok(first && second && second.id > first.id);
    assert.deepEqual(first, { ...entry(), id: first.id });
    assert.deepEqual(second, { ...bare, id: second.id });
  },
  "pages go from the newest to the oldest, each entry once, also while others come": async (w) => {
    for (let at = 0; at < 5; at++) await w.driver.addAudit(entry({ at: T + at, requestId: `r${at}` }));
    const first = await w.driver.audit({ namespace: "default", limit: 2 });
    assert.deepEqual(first.items.map(({ requestId }) => requestId), ["r4", "r3"]);
    assert.ok(first.nextCursor);
    await w.driver.addAudit(entry({ requestId: "new" }));
    const second = await w.driver.audit({ namespace: "default", limit: 10, cursor: first.nextCursor });
    assert.deepEqual(second.items.map(({ requestId }) => requestId), ["r2", "r1", "r0"]);
    assert.equal(second.nextCursor, undefined);
    await assert.rejects(w.driver.audit({ namespace: "default", limit: 2, cursor: "nonsense" }), {
      code: "invalid_request",
    });
  },
  "each tenant has its own": async (w) => {
    await w.driver.addAudit(entry({ requestId: "mine" }));
    await w.driver.addAudit(entry({ namespace: "other", requestId: "theirs" }));
    assert.deepEqual((await stored(w.driver)).map(({ requestId }) => requestId), ["mine"]);
    const theirs = await stored(w.driver, { namespace: "other" });
    assert.deepEqual(theirs.map(({ requestId }) => requestId), ["theirs"]);
    assert.deepEqual(await stored(w.driver, { namespace: "nobody" }), []);
  },
  "filters": async (w) => {
    const entries: Partial<NewAuditEntry>[] = [
      { requestId: "0", operation: "jobs.cancel" },
      { requestId: "1", operation: "jobs.retry", outcome: "conflict", at: T + MINUTE },
      { requestId: "2", operation: "jobs_retry", surface: "cli", token: null, name: "ada" },
      { requestId: "3", operation: "queues.pause", token: "ada", at: T + 2 * MINUTE },
      { requestId: "4", operation: "JOBS.cancel", at: T + 3 * MINUTE },
    ];
    for (const one of entries) await w.driver.addAudit(entry(one));
    const found = async (query: Partial<AuditQuery>): Promise<string> =>
      (await stored(w.driver, query)).map(({ requestId }) => requestId).join("");
    assert.equal(await found({ operation: "jobs.cancel" }), "0");
    assert.equal(await found({ operation: "jobs.*" }), "10", "a prefix, letter by letter");
    assert.equal(await found({ operation: "*" }), "43210");
    assert.equal(await found({ operation: "jobs.%" }), "");
    assert.equal(await found({ actor: "ada" }), "32");
    assert.equal(await found({ surface: "cli" }), "2");
    assert.equal(await found({ done: true }), "4320");
    assert.equal(await found({ done: false }), "1");
    assert.equal(await found({ requestId: "3" }), "3");
    assert.equal(await found({ from: T + MINUTE }), "431");
    assert.equal(await found({ to: T + MINUTE }), "20");
    assert.equal(await found({ from: T + MINUTE, to: T + 2 * MINUTE, done: false }), "1");
  },
  "old entries go, the oldest first, so many at a time, of all tenants": async (w) => {
    for (const [at, namespace] of [[3, "default"], [1, "other"], [2, "default"], [9, "default"]] as const) {
      await w.driver.addAudit(entry({ at: T + at, namespace }));
    }
    assert.equal(await w.driver.pruneAudit(T + 3, 1), 1);
    assert.deepEqual(await stored(w.driver, { namespace: "other" }), []);
    assert.equal(await w.driver.pruneAudit(T + 3, 10), 1);
    assert.equal(await w.driver.pruneAudit(T + 3, 10), 0);
    assert.deepEqual((await stored(w.driver)).map(({ at }) => at - T), [9, 3]);
  },
};
