import assert from "node:assert/strict";
import { allows, ROLES } from "../../src/domain/role.ts";
import type { Operation } from "../../src/surfaces/operations/operation.ts";
import { OPERATIONS } from "../../src/surfaces/operations/table.ts";
import { AGENT_RULES } from "../../src/surfaces/mcp/context.ts";
import { callTool } from "../mcp/agent.ts";
import { Site } from "./site.ts";

/** What there is before an operation is called. */
interface World {
  site: Site;
  waiting: string;
  done: string;
  dead: string;
  batch: string;
  asking: string;
  group: string;
  token: string;
  run: { id: string; jobId: string; attempt: number };
}

async function world(): Promise<World & AsyncDisposable> {
  const site = await Site.open({ rules: { ...AGENT_RULES, destructive: "many" } });
  const { jobd } = site;
  let token = "";
  const worker = jobd.worker({
    handlers: [
      {
        type: "asks",
        async run(_, ctx) {
          token = (await ctx.waitToken("approval")).token;
          return await ctx.waitFor("approval");
        },
      },
      { type: "good", run: (_, ctx) => (ctx.log("hello"), { answer: 42 }) },
      {
        type: "bad",
        run: () => {
          throw new Error("no");
        },
      },
    ],
  });
  const [done, dead, waiting, asking] = await jobd.enqueueMany([
    { type: "good" },
    { type: "bad", maxAttempts: 1 },
    { type: "other", delay: "1h" },
    { type: "asks" },
  ]);
  assert.ok(done && dead && waiting && asking);
  await worker.start();
  await Promise.all([jobd.jobs.wait(done.id), jobd.jobs.wait(dead.id)]);
  while ((await jobd.jobs.get(asking.id)).waitingFor === null) {
    await new Promise((next) => setTimeout(next, 5));
  }
  const batch = await jobd.batch([{ type: "other" }], { open: true, onFinish: { type: "good" } });
  await jobd.queues.create("empty");
  await jobd.schedules.create("nightly", { cron: "0 3 * * *", job: { type: "good" } });
  await jobd.enqueue({ type: "other", group: "host" });
  const [gathering] = await jobd.groups.page({ limit: 1 });
  assert.ok(gathering);
  const [running] = await jobd.workers.list();
  assert.ok(running);
  WORKER.id = running.id;
  const remote = await jobd.enqueue({ type: "elsewhere" });
  const lease = await jobd.leases.claim({ worker: "w1", types: ["elsewhere"] });
  assert.ok(lease);
  return {
    site,
    waiting: waiting.id,
    done: done.id,
    dead: dead.id,
    batch: batch.id,
    asking: asking.id,
    group: gathering.id,
    token,
    run: { id: lease.id, jobId: remote.id, attempt: 1 },
    async [Symbol.asyncDispose]() {
      await worker.stop();
      await site[Symbol.asyncDispose]();
    },
  };
}

const WORKER = { id: "" };

type Sample = Record<string, unknown>;

/** An input for each operation. */
const SAMPLES: Record<string, (world: World) => Sample> = {
  "jobs.enqueue": () => ({ type: "a", payload: { x: [1, null] }, priority: "high", tags: ["t"] }),
  "jobs.enqueueMany": () => ({ jobs: [{ type: "a" }, { type: "b", delay: "5m" }], spread: "1m" }),
  "jobs.list": () => ({ state: ["completed", "dead"], limit: 2 }),
  "jobs.get": ({ done }) => ({ id: done }),
  "jobs.update": ({ waiting }) => ({ id: waiting, priority: 7, timeout: "1m", tags: null }),
  "jobs.executions": ({ dead }) => ({ id: dead }),
  "jobs.logs": ({ done }) => ({ id: done }),
  "jobs.result": ({ done }) => ({ id: done, wait: "1s" }),
  "jobs.delete": ({ done }) => ({ id: done }),
  "jobs.cancel": ({ waiting }) => ({ id: waiting }),
  "jobs.retry": ({ dead }) => ({ id: dead }),
  "jobs.run": ({ waiting }) => ({ id: waiting }),
  "jobs.archive": ({ waiting }) => ({ id: waiting }),
  "jobs.act": ({ waiting, done }) => ({ action: "cancel", ids: [waiting, done] }),
  "waits.list": ({ asking }) => ({ id: asking }),
  "waits.resumeJob": ({ asking }) => ({ id: asking, name: "approval", value: { yes: true }, key: "k" }),
  "waits.resume": ({ token }) => ({ token, value: 1 }),
  "waits.complete": ({ asking }) => ({ id: asking, result: [1] }),
  "waits.fail": ({ asking }) => ({ id: asking, error: "refused" }),
  "leases.claim": () => ({
    worker: "w2",
    queues: ["default"],
    types: ["other"],
    limit: 5,
    wait: "10ms",
    lease: "1m",
  }),
  "leases.extend": ({ run }) => ({ id: run.id, jobs: [run.jobId], lease: "1m" }),
  "leases.complete": ({ run }) => ({ ...run, result: { n: [1] } }),
  "leases.fail": ({ run }) => ({ ...run, error: { code: "smtp", message: "no" }, retryIn: "5m" }),
  "leases.snooze": ({ run }) => ({ ...run, delay: "5m", reason: "later" }),
  "leases.release": ({ run }) => ({ ...run }),
  "leases.wait": ({ run }) => ({ ...run, name: "approval", timeout: "1h" }),
  "leases.progress": ({ run }) => ({ ...run, progress: { percent: 3 } }),
  "leases.logs": ({ run }) => ({ ...run, seq: 0, text: "hello\n", stream: "stderr" }),
  "queues.list": () => ({}),
  "queues.create": () => ({ name: "new", maxAttempts: 3, retentionMs: { dead: 1000 } }),
  "queues.get": () => ({ name: "default" }),
  "queues.update": () => ({ name: "default", maxAttempts: 2, ttlMs: null }),
  "queues.pause": () => ({ name: "default" }),
  "queues.resume": () => ({ name: "default" }),
  "batches.create": () => ({ jobs: [{ type: "a" }], open: true, onComplete: { type: "b" }, meta: { x: 1 } }),
  "batches.list": () => ({ state: ["running"], limit: 5 }),
  "batches.get": ({ batch }) => ({ id: batch }),
  "batches.add": ({ batch }) => ({ id: batch, jobs: [{ type: "a" }] }),
  "batches.seal": ({ batch }) => ({ id: batch }),
  "batches.cancel": ({ batch }) => ({ id: batch }),
  "batches.retry": ({ batch }) => ({ id: batch }),
  "queues.drain": () => ({ name: "default", state: ["scheduled"] }),
  "queues.delete": () => ({ name: "empty" }),
  "groups.list": () => ({ key: "host", type: "other", limit: 5 }),
  "groups.jobs": ({ group }) => ({ id: group }),
  "groups.jobsByKey": () => ({ key: "host", type: "other" }),
  "groups.run": ({ group }) => ({ id: group }),
  "groups.runByKey": () => ({ key: "host" }),
  "groups.cancel": ({ group }) => ({ id: group }),
  "groups.cancelByKey": () => ({ key: "host" }),
  "groups.retry": ({ group }) => ({ id: group }),
  "groups.retryByKey": () => ({ key: "host", type: "other" }),
  "dead.list": () => ({ type: "bad", limit: 5 }),
  "dead.groups": () => ({ type: "bad", searched: 10 }),
  "dead.get": ({ dead }) => ({ id: dead }),
  "dead.retry": ({ dead }) => ({ id: dead, update: { priority: 3 } }),
  "dead.retryMany": () => ({ type: "bad", update: { queue: "slow", payload: null } }),
  "dead.delete": ({ dead }) => ({ id: dead }),
  "dead.purge": () => ({ queue: "default" }),
  "events.stream": () => ({ topics: ["job.*"] }),
  "schedules.events": () => ({}),
  "schedules.list": () => ({}),
  "schedules.create": () => ({ name: "hourly", every: "1h", job: { type: "good", priority: 3 } }),
  "schedules.get": () => ({ name: "nightly" }),
  "schedules.update": () => ({ name: "nightly", cron: "0 4 * * *", description: null }),
  "schedules.delete": () => ({ name: "nightly" }),
  "schedules.pause": () => ({ name: "nightly" }),
  "schedules.resume": () => ({ name: "nightly" }),
  "schedules.run": () => ({ name: "nightly" }),
  "schedules.backfill": () => ({ name: "nightly", from: Date.now() - 86_400_000 }),
  "schedules.next": () => ({ name: "nightly", count: 3 }),
  "schedules.history": () => ({ name: "nightly", limit: 3 }),
  "executions.list": () => ({ limit: 3 }),
  "workers.list": () => ({}),
  "workers.get": () => ({ id: WORKER.id }),
  "namespaces.list": () => ({}),
  "namespaces.get": () => ({ name: "default" }),
  "namespaces.create": () => ({ name: "acme" }),
  "namespaces.delete": () => ({ name: "default", force: true }),
  "me.get": () => ({}),
  "types.list": () => ({}),
  "audit.list": () => ({ operation: "tokens.*", done: true, limit: 3 }),
  "stats.series": () => ({ metric: "run", step: "1h", type: "a" }),
  "stats.get": () => ({ since: "2h", step: "1h" }),
  "queues.stats": () => ({ name: "default", since: "2h" }),
};

/** The request for an operation with an input. */
function requestFor({ http }: Operation, input: Sample): { path: string; body?: Sample } {
  const rest = { ...input };
  const path = `/api/v1${http.path}`.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(rest[name]);
    delete rest[name];
    return encodeURIComponent(value);
  });
  if (http.method === "post" || http.method === "patch") return { path, body: rest };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  return { path: query.size === 0 ? path : `${path}?${query}` };
}

Deno.test("every operation has a sample here, and a name and a route of its own", () => {
  assert.deepEqual(Object.keys(SAMPLES).sort(), OPERATIONS.map(({ name }) => name).sort());
  const routes = OPERATIONS.map(({ http }) => `${http.method} ${http.path}`);
  assert.equal(new Set(routes).size, routes.length);
  const tools = OPERATIONS.flatMap(({ tool }) => tool === undefined ? [] : [tool]);
  assert.equal(new Set(tools).size, tools.length);
});

/** Fields of answers that are different each time. */
const VOLATILE: Record<string, string[]> = { "stats.get": ["at", "since"] };

for (const operation of OPERATIONS) {
  const { name, http, role } = operation;

  Deno.test(`${name} is a tool that answers the same, or there is a reason why not`, async () => {
    const { tool, noTool } = operation;
    assert.notEqual(tool === undefined, noTool === undefined, "either a tool or a reason");
    if (tool === undefined) return;
    await using here = await world();
    const sample = SAMPLES[name]?.(here) ?? {};
    const before = http.method === "get"
      ? await here.site.call("GET", requestFor(operation, sample).path)
      : undefined;
    const { code, answer } = await callTool(here.site, tool, sample);
    assert.equal(code, undefined, JSON.stringify(answer));
    const { untrusted: _, truncated, ...fields } = answer;
    assert.equal(truncated, undefined);
    const checked = operation.output.safeParse(fields);
    assert.ok(checked.success, `${checked.error?.message}\n${JSON.stringify(fields)}`);
    const without = (body: Sample) =>
      Object.fromEntries(Object.entries(body).filter(([key]) => !VOLATILE[name]?.includes(key)));
    if (before !== undefined) assert.deepEqual(without(fields), without(before.body));
    for (const other of ROLES.filter((one) => role !== "any" && !allows(one, role))) {
      const refused = await callTool(here.site, tool, sample, { as: other });
      assert.equal(refused.code, "forbidden", other);
    }
  });

  Deno.test(`${name} answers over HTTP as its schema says`, async () => {
    await using here = await world();
    const { path, body } = requestFor(operation, SAMPLES[name]?.(here) ?? {});
    const method = http.method.toUpperCase();
    if (operation.run === undefined) {
      const plain = await here.site.call(method, path);
      assert.deepEqual([plain.status, plain.body.code], [406, "not_acceptable"]);
      return;
    }
    const answer = await here.site.call(method, path, body === undefined ? {} : { body });
    assert.equal(answer.status, http.status ?? 200, JSON.stringify(answer.body));
    const checked = operation.output.safeParse(answer.body);
    assert.ok(checked.success, `${checked.error?.message}\n${JSON.stringify(answer.body)}`);
    assert.deepEqual(answer.body, checked.data, "the answer has fields that its schema does not know");
  });

  Deno.test(`${name} is refused without a token, and with each role that does not include ${role}`, async () => {
    await using here = await world();
    const { path, body } = requestFor(operation, SAMPLES[name]?.(here) ?? {});
    const method = http.method.toUpperCase();
    const given = body === undefined ? {} : { body };
    const without = await here.site.call(method, path, { ...given, as: null });
    assert.deepEqual([without.status, without.body.code], [401, "unauthorized"]);
    assert.match(without.headers.get("www-authenticate") ?? "", /^Bearer/);
    for (const other of ROLES.filter((one) => role !== "any" && !allows(one, role))) {
      const refused = await here.site.call(method, path, { ...given, as: other });
      assert.deepEqual([refused.status, refused.body.code], [403, "forbidden"], other);
    }
  });
}

for (const operation of OPERATIONS) {
  const { name, http, role } = operation;
  if (http.method === "get" || (role !== "operate" && role !== "admin")) continue;

  Deno.test(`${name} leaves one entry in the audit log`, async () => {
    await using here = await world();
    const { path, body } = requestFor(operation, SAMPLES[name]?.(here) ?? {});
    await here.site.call(http.method.toUpperCase(), path, body === undefined ? {} : { body });
    const { items } = await here.site.jobd.audit.page({ surface: "http" });
    assert.equal(items.length, 1, JSON.stringify(items));
    assert.equal(items[0]?.outcome, "done");
    assert.equal(items[0]?.operation.split(".")[0], name.split(".")[0]);
  });
}
