import assert from "node:assert/strict";
import { toYaml } from "../../src/surfaces/http/yaml.ts";
import { openApi } from "../../src/surfaces/http/openapi.ts";
import { OPERATIONS } from "../../src/surfaces/operations/table.ts";
import { Site } from "./site.ts";

/** Reads what {@linkcode toYaml} writes: blocks by their indent, scalars as in JSON or plain words. */
function parseYaml(text: string): unknown {
  const rows = text.split("\n").filter((row) => row !== "").map((row) => ({
    indent: row.length - row.trimStart().length,
    text: row.trimStart(),
  }));
  const scalar = (word: string): unknown =>
    /^[\w]+$/.test(word) && /^[A-Za-z_]/.test(word) && !/^(true|false|null)$/.test(word)
      ? word
      : JSON.parse(word);
  const block = (indent: number): unknown => {
    const first = rows[0];
    assert.ok(first && first.indent === indent, `row at ${indent}: ${first?.text}`);
    if (first.text.startsWith("- ")) {
      const items: unknown[] = [];
      while (rows[0]?.indent === indent && rows[0].text.startsWith("- ")) {
        rows[0] = { indent: indent + 2, text: rows[0].text.slice(2) };
        items.push(block(indent + 2));
      }
      return items;
    }
    const key = /^("(?:[^"\\]|\\.)*"|\w+):(?: |$)/;
    if (!key.test(first.text)) return scalar(rows.shift()?.text ?? "");
    const fields: Record<string, unknown> = {};
    for (let row = rows[0]; row?.indent === indent; row = rows[0]) {
      const [whole = "", name = ""] = key.exec(row.text) ?? [];
      rows.shift();
      const rest = row.text.slice(whole.length);
      fields[String(scalar(name))] = rest === "" ? block(rows[0]?.indent ?? 0) : scalar(rest);
    }
    return fields;
  };
  const value = block(0);
  assert.deepEqual(rows, []);
  return value;
}

Deno.test("the OpenAPI document is there as JSON and as YAML, and says the same", async () => {
  await using site = await Site.open();
  const json = await site.call("GET", "/api/v1/openapi.json");
  const yaml = await site.call("GET", "/api/v1/openapi.yaml");
  assert.equal(yaml.headers.get("content-type"), "application/yaml");
  assert.deepEqual(parseYaml(yaml.body), json.body);
  for (const end of ["json", "yaml"]) {
    assert.equal((await site.call("GET", `/api/v1/openapi.${end}`, { as: null })).status, 401);
  }
});

Deno.test("YAML: whatever JSON holds", () => {
  const values = [
    null,
    true,
    -1.5e300,
    "",
    "yes",
    "No",
    "null",
    "a: b",
    "- x",
    "#",
    " x ",
    "1",
    "0x10",
    "2030-01-01",
    '\u2028\u0085\ufeff\u0000\n\t"\\',
    "💣",
    [],
    {},
    [[], [1, [2, [{}]]]],
    { "": 1, "a b": { "no": [{ x: 1, y: [] }, "z"] }, "404": null, on: {} },
  ];
  for (const value of values) {
    const text = toYaml(value);
    assert.deepEqual(parseYaml(text), value, text);
    assert.doesNotMatch(text, /[\u0085\u2028\ufeff]/);
  }
});

Deno.test("the page about the API needs no token, holds no data and loads nothing from elsewhere", async () => {
  await using site = await Site.open();
  const page = await site.call("GET", "/api/docs", { as: null });
  assert.equal(page.status, 200);
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(page.body, /<script(?![^>]* src="docs\/script\.js")|<style|style=|\son\w+=/);
  const addresses = [...page.body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address);
  assert.deepEqual(addresses, ["data:,", "docs/style.css", "docs/script.js"]);
  for (const address of addresses.slice(1)) {
    const file = await site.call("GET", new URL(address, "http://x/api/docs").pathname, { as: null });
    assert.equal(file.status, 200, address);
    assert.equal(file.headers.get("content-security-policy"), policy);
    assert.equal(file.headers.get("x-content-type-options"), "nosniff");
    assert.doesNotMatch(file.body, /https?:\/\/|innerHTML|insertAdjacentHTML|document\.write|\beval\b/);
  }
  assert.equal((await site.call("GET", "/api/docs/other.js", { as: null })).status, 401);
  assert.equal((await site.call("POST", "/api/docs")).status, 404);
});

interface Described {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters: { name: string; in: string; required: boolean }[];
  requestBody?: { content: { "application/json": { schema: { properties: object; required: string[] } } } };
  responses: object;
}

Deno.test("the OpenAPI document tells every field of every operation, where it goes and whether it must be there", () => {
  const { paths } = openApi("1") as { paths: Record<string, Record<string, Described>> };
  const described = Object.values(paths).flatMap((methods) => Object.values(methods));
  assert.equal(described.length, OPERATIONS.length);
  for (const { name, http, input } of OPERATIONS) {
    const one = paths[`/api/v1${http.path}`]?.[http.method];
    assert.ok(one && one.operationId === name && one.summary !== "" && one.description !== "", name);
    const body = one.requestBody?.content["application/json"].schema;
    const places = {
      path: [...http.path.matchAll(/\{(\w+)\}/g)].map(([, field]) => field),
      body: Object.keys(body?.properties ?? {}),
    };
    const rest = Object.keys(input.shape).filter((field) => !places.path.includes(field)).sort();
    const query = one.parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
    assert.deepEqual([...places.body, ...query].sort(), rest, name);
    const must = Object.entries(input.shape).filter(([, schema]) => !schema.safeParse(undefined).success)
      .map(([field]) => field).filter((field) => !places.path.includes(field)).sort();
    const required = one.parameters.filter((parameter) => parameter.in === "query" && parameter.required);
    assert.deepEqual([...body?.required ?? [], ...required.map(({ name }) => name)].sort(), must, name);
  }
});

Deno.test("/me says what the token may", async () => {
  await using site = await Site.open();
  const { token, secret } = await site.jobd.tokens.create("shop", {
    role: "enqueue",
    namespace: "acme",
    queues: ["mail"],
    expiresIn: "1d",
  });
  const { body } = await site.call("GET", "/api/v1/me", { secret });
  assert.deepEqual(body, {
    token: token.id,
    name: "shop",
    role: "enqueue",
    namespace: "acme",
    allNamespaces: false,
    queues: ["mail"],
    types: null,
    expiresAt: new Date(token.expiresAt ?? 0).toISOString(),
  });
  const admin = await site.call("GET", "/api/v1/me", { headers: { "jobd-namespace": "other" } });
  assert.deepEqual([admin.body.role, admin.body.namespace, admin.body.allNamespaces], [
    "admin",
    "other",
    true,
  ]);
  assert.equal((await site.call("GET", "/api/v1/me", { as: null })).status, 401);
});

Deno.test("/types knows types from jobs, runs and workers", async () => {
  await using site = await Site.open();
  const { jobd } = site;
  await using worker = jobd.worker({
    handlers: [{ type: "ran", run: () => 1 }, { type: "idle", run: () => 1 }],
  });
  await worker.start();
  await (await jobd.enqueue({ type: "ran" })).result();
  await jobd.enqueueMany([{ type: "waits", delay: "1h" }, { type: "waits", delay: "1h" }, { type: "waits" }]);
  // Statistics are written when the worker stops.
  await worker.stop();
  const { body } = await site.call("GET", "/api/v1/types");
  const byType = Object.fromEntries(body.items.map((item: { type: string }) => [item.type, item]));
  assert.deepEqual(byType["ran"].ended, { completed: 1 });
  assert.deepEqual(byType["waits"], {
    type: "waits",
    jobs: [{ state: "available", count: 1, capped: false }, { state: "scheduled", count: 2, capped: false }],
    workers: 0,
    ended: {},
  });
});
