import assert from "node:assert/strict";
import { REDACTED } from "../../src/mod.ts";
import { Site } from "./site.ts";

const SECRET = "tok_5b1c77e0";
const payload = { token: SECRET, items: [{ secret: "item-secret" }], to: "ada" };
const redact = ["token", "items.*.secret"];
const shown = { token: REDACTED, items: [{ secret: REDACTED }], to: "ada" };

Deno.test("the API shows no role what a job redacts, in whichever answer", async () => {
  await using site = await Site.open();
  await using worker = site.jobd.worker({
    handlers: [{
      type: "pay",
      outOfProcess: true,
      run(job, { log }) {
        const { token } = job.payload as typeof payload;
        log(`with ${token}`);
        if (job.options.tags?.includes("bad")) throw new Error(`refused ${token}`);
        return { token, echo: `for ${token}` };
      },
    }],
  });
  await worker.start();
  const body = { type: "pay", payload, redact, origin: SECRET, maxAttempts: 1 };
  const made = await site.call("POST", "/api/v1/jobs", { body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const bulk = await site.call("POST", "/api/v1/jobs/bulk", { body: { jobs: [{ ...body, tags: ["bad"] }] } });
  const [good, bad] = [made.body.id, bulk.body.items[0].id];
  assert.deepEqual((await site.jobd.jobs.get(good, { reveal: true })).payload, payload);
  for (const id of [good, bad]) await site.jobd.jobs.wait(id);
  const schedule = { name: "s", every: "1h", job: { type: "pay", payload, redact } };
  const created = await site.call("POST", "/api/v1/schedules", { body: schedule });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const paths = [
    `/jobs/${good}`,
    `/jobs/${good}/result`,
    `/jobs/${bad}`,
    `/jobs/${bad}/result`,
    `/jobs/${bad}/executions`,
    `/jobs/${bad}/logs`,
    "/jobs",
    "/dlq",
    "/schedules",
    "/schedules/s",
  ];
  for (const path of paths) {
    const answer = await site.call("GET", `/api/v1${path}`);
    assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`);
    const text = JSON.stringify(answer.body);
    assert.ok(text.includes(REDACTED) && !text.includes(SECRET) && !text.includes("item-secret"), text);
  }
  const { body: result } = await site.call("GET", `/api/v1/jobs/${good}/result`);
  assert.deepEqual(result.result, { token: REDACTED, echo: `for ${REDACTED}` });
  const { body: found } = await site.call("GET", "/api/v1/jobs?search=tok_");
  assert.deepEqual(found.items, []);
});

Deno.test("an update over the API adds to what is redacted, and refuses what was read as it is shown", async () => {
  await using site = await Site.open();
  const { id } = await site.jobd.enqueue({ type: "a", payload, redact: ["token"] });
  const path = `/api/v1/jobs/${id}`;
  const added = await site.call("PATCH", path, { body: { redact: ["items.*.secret"] } });
  assert.deepEqual([added.status, added.body.payload], [200, shown]);
  const copied = await site.call("PATCH", path, { body: { payload: added.body.payload } });
  assert.equal(copied.status, 409);
  assert.match(JSON.stringify(copied.body), /in the place of a redacted value/);
  const bad = await site.call("POST", "/api/v1/jobs", { body: { type: "a", redact: ["a..b"] } });
  assert.equal(bad.status, 400);
});
