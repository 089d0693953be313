// What clients are told of tools.
import assert from "node:assert/strict";
import { AGENT_RULES } from "../../src/surfaces/mcp/context.ts";
import { TOOLS } from "../../src/surfaces/mcp/tools.ts";
import { Site } from "../http/site.ts";
import { ask } from "./agent.ts";

Deno.test("docs/mcp.md names each tool, and none that there is not", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/mcp.md", import.meta.url));
  const [, table = ""] = /\n\| for .*?\n((?:\|.*\n)+)/.exec(text) ?? [];
  const named = [...table.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  assert.deepEqual(named.sort(), [...TOOLS.keys()].sort());
});

Deno.test("each tool says what calling it may do", () => {
  const those = (hint: string) =>
    [...TOOLS.values()].filter(({ view }) => view.annotations[hint] === true).map(({ name }) => name);
  const readOnly = those("readOnlyHint");
  assert.deepEqual(readOnly.filter((name) => those("destructiveHint").includes(name)), []);
  assert.deepEqual(readOnly.filter((name) => !those("idempotentHint").includes(name)), []);
  for (const name of ["get_job", "list_jobs", "wait_for_job", "health_check", "get_stats"]) {
    assert.ok(readOnly.includes(name), name);
  }
  for (
    const name of ["delete_job", "delete_dlq_job", "purge_dlq", "cancel_job", "delete_queue", "drain_queue"]
  ) {
    assert.ok(those("destructiveHint").includes(name), name);
  }
  assert.ok(!those("idempotentHint").includes("enqueue_job"), "each call makes another job");
});

Deno.test("schemas are objects that refer to nothing outside of themselves", () => {
  for (const { name, view } of TOOLS.values()) {
    for (const schema of [view.inputSchema, view.outputSchema]) {
      assert.equal(schema.type, "object", name);
      const text = JSON.stringify(schema);
      for (const [, ref = ""] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
        const [, key] = /^#\/\$defs\/(\w+)$/.exec(ref) ?? [];
        assert.ok(key !== undefined && Object.hasOwn(schema.$defs as object, key), `${name}: ${ref}`);
      }
    }
    assert.equal(view.inputSchema.additionalProperties, false, name);
    assert.match(view.description, /^[A-Z].*\.$/, name);
  }
});

Deno.test("answers that hold what jobs wrote are known by their schemas", () => {
  const untrusted = [...TOOLS.values()].filter((tool) => tool.untrusted).map(({ name }) => name);
  for (
    const name of "get_job list_jobs get_job_logs wait_for_job list_dlq_groups list_executions".split(" ")
  ) {
    assert.ok(untrusted.includes(name), name);
  }
  for (const name of ["delete_job", "enqueue_job", "health_check"]) {
    assert.ok(!untrusted.includes(name), name);
  }
});

Deno.test("all tools together are short enough to be read", async () => {
  await using site = await Site.open({ rules: { ...AGENT_RULES, destructive: "many" } });
  const { result: { tools } } = await ask(site, "tools/list", {});
  assert.equal(tools.length, TOOLS.size);
  // What an agent reads: clients keep the schemas of answers to themselves.
  const read = tools.map(({ outputSchema: _, ...rest }: { outputSchema: unknown }) => rest);
  assert.ok(JSON.stringify(read).length < 90_000, `${JSON.stringify(read).length}`);
});
