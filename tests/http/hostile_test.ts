import assert from "node:assert/strict";
import fc from "fast-check";
import { OPERATIONS } from "../../src/surfaces/operations/table.ts";
import { openApi } from "../../src/surfaces/http/openapi.ts";
import { Site } from "./site.ts";

const REQUESTS = Number(Deno.env.get("JOBD_REQUESTS") ?? 30_000);
/** Requests to one store: what they make there would slow down those after them. */
const EACH = 2_000;

/** What a stranger may send in place of anything. */
const odd = fc.oneof(
  { depthSize: "small" },
  fc.constantFrom<unknown>(
    "",
    "x",
    "-1",
    "0",
    "1e99",
    "null",
    "__proto__",
    "constructor",
    "\u0000",
    "\ud800",
    "💣",
  ),
  fc.constantFrom<unknown>(-1, 0, 1.5, 2 ** 53, 1e308, null, true, [], {}, [[]]),
  fc.constantFrom<unknown>(
    "5m",
    "2030-01-01T00:00:00Z",
    "available",
    "default",
    "*",
    "1 day",
    "99999999999d",
  ),
  fc.constantFrom<unknown>("' or 1=1 --", "../../etc/passwd", "%00", "\r\nx: y", "${x}", "a".repeat(10_000)),
  fc.string({ unit: "binary" }),
  fc.jsonValue({ maxDepth: 3 }),
);

const JOBS = ["01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"];
const NAMES = ["default", "nightly", "other"];

/** What belongs in fields of these names, so that requests get past the schemas. */
const FITTING: Record<string, readonly unknown[]> = {
  id: JOBS,
  ids: [JOBS, []],
  name: NAMES,
  queue: NAMES,
  type: ["a", "b"],
  action: ["cancel", "retry", "run", "archive", "delete"],
  filter: [{ state: "available" }, { queue: "default", type: ["a"] }],
  jobs: [[{ type: "a" }], [{ payload: 1 }, { delay: "1h" }]],
  payload: [{ x: 1 }, null, "text"],
  limit: [1, 50],
  cron: ["* * * * *", "0 3 * * *"],
  every: ["1h", 60_000],
  from: ["2030-01-01T00:00:00Z", 0],
  job: [{ type: "a" }],
  state: ["dead", ["available", "scheduled"]],
  priority: [5, "high"],
  delay: ["1h"],
};

const call = fc.record({
  operation: fc.constantFrom(...OPERATIONS.filter(({ run }) => run !== undefined).map(({ name }) => name)),
  chance: fc.infiniteStream(fc.nat(999)),
  odd: fc.infiniteStream(odd),
  strange: fc.constantFrom(0, 10, 30, 80),
});

/** One in so many requests has a field that nobody knows. */
const EXTRA = 50;

Deno.test(`${REQUESTS} requests of a stranger: no failure of the program, no status that is not documented`, async () => {
  const seen = new Set<number>();
  for (let sent = 0; sent < REQUESTS; sent += EACH) await send(EACH, seen);
  for (const status of [200, 201, 400, 404, 409]) {
    assert.ok(seen.has(status), `only ${[...seen]} were answered`);
  }
});

/** Sends generated requests to a fresh store. */
async function send(requests: number, seen: Set<number>): Promise<void> {
  await using site = await Site.open();
  await site.jobd.enqueueMany(JOBS.map((id) => ({ type: "a", id })));
  await site.jobd.schedules.create("nightly", { cron: "0 3 * * *" });
  // deno-lint-ignore no-explicit-any
  const { paths } = openApi("0") as any;
  const secret = await site.secret("admin");
  await fc.assert(
    fc.asyncProperty(call, async ({ operation, chance, odd, strange }) => {
      const found = OPERATIONS.find(({ name }) => name === operation);
      assert.ok(found);
      const { http, input } = found;
      const dice = (sides: number): number => chance.next().value % sides;
      const valueOf = (name: string): unknown => {
        const fitting = FITTING[name];
        if (fitting === undefined || dice(100) < strange) return odd.next().value;
        return fitting[dice(fitting.length)];
      };
      const fields: Record<string, unknown> = {};
      for (const name of Object.keys(input.shape)) {
        if (dice(100) < (name in FITTING ? 50 : strange / 2)) fields[name] = valueOf(name);
      }
      if (dice(EXTRA) === 0) fields[JSON.stringify(odd.next().value) ?? "x"] = 1;
      const path = http.path.replace(/\{(\w+)\}/g, (_, name: string) => {
        const value = valueOf(name);
        delete fields[name];
        const text = typeof value === "string" ? value : `${JSON.stringify(value)}`;
        // A client never sends the paths . and .. as they are.
        return encodeURIComponent(text.toWellFormed()).slice(0, 2_000).replace(/^\.{0,2}$/, "x");
      });
      const inBody = http.method === "post" || http.method === "patch";
      const query = new URLSearchParams(
        Object.entries(fields).map((
          [name, value],
        ) => [name, typeof value === "string" ? value : `${JSON.stringify(value)}`]),
      );
      // A wait would only wait.
      query.delete("wait");
      const answer = await site.call(
        http.method.toUpperCase(),
        `/api/v1${path}${inBody || query.size === 0 ? "" : `?${query}`}`,
        inBody ? { body: fields, secret } : { secret },
      );
      seen.add(answer.status);
      assert.ok(answer.status < 500, JSON.stringify(site.faults));
      const documented = Object.keys(paths[`/api/v1${http.path}`][http.method].responses);
      assert.ok(documented.includes(String(answer.status)), `${operation} answered ${answer.status}`);
      if (answer.status >= 400) {
        assert.equal(answer.headers.get("content-type"), "application/problem+json");
        assert.ok(typeof answer.body.code === "string" && typeof answer.body.detail === "string");
      }
    }),
    { numRuns: requests, ...(Deno.env.has("JOBD_SEED") ? { seed: Number(Deno.env.get("JOBD_SEED")) } : {}) },
  );
  for (const status of [200, 201, 400, 404, 409]) {
    assert.ok(seen.has(status), `only ${[...seen]} were answered`);
  }
}
