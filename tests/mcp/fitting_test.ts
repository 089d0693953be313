// Answers that are not too long for who reads them, and say what they leave out.
import assert from "node:assert/strict";
import { ANSWER_MAX, fitted, lengthOf } from "../../src/surfaces/mcp/fitting.ts";
import { TOOLS } from "../../src/surfaces/mcp/tools.ts";
import { Site } from "../http/site.ts";
import { callTool } from "./agent.ts";

Deno.test("a job whose payload is long is shown with the beginning of it, and says so", async () => {
  await using site = await Site.open();
  const payload = { text: "a".repeat(100_000), small: 1 };
  const { id } = await site.jobd.enqueue({ type: "a", payload });
  const { answer } = await callTool(site, "get_job", { id });
  assert.ok(lengthOf(answer) < ANSWER_MAX + 1_000);
  assert.match(answer.payload, /^\{"text":"aaa.*characters left out\]$/);
  assert.match(answer.truncated, /longer than 8000 characters were cut/);
  assert.equal((await site.call("GET", `/api/v1/jobs/${id}`)).body.payload.text.length, 100_000);
});

Deno.test("a page that is too long has fewer items, and nothing is lost between it and the next", async () => {
  await using site = await Site.open();
  const made = await site.jobd.enqueueMany(
    Array.from({ length: 120 }, (_, n) => ({ type: "a", payload: { n, text: "b".repeat(1_900) } })),
  );
  const seen: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const { answer } = await callTool(site, "list_jobs", {
      limit: 100,
      ...(cursor === undefined ? {} : { cursor }),
    });
    assert.ok(lengthOf(answer) < ANSWER_MAX + 1_000);
    assert.ok(answer.items.length > 1);
    if (answer.nextCursor !== undefined) assert.match(answer.truncated, /This page holds \d+ items/);
    seen.push(...answer.items.map(({ id }: { id: string }) => id));
    cursor = answer.nextCursor;
    pages++;
  } while (cursor !== undefined);
  assert.ok(pages > 3);
  assert.deepEqual(seen.toSorted(), made.map(({ id }) => id).toSorted());
});

Deno.test("a long log comes in parts, from one to the next", async () => {
  await using site = await Site.open();
  const lines = Array.from({ length: 400 }, (_, n) => `line ${n} ${"c".repeat(300)}`);
  const worker = site.jobd.worker({
    handlers: [{
      type: "talks",
      run(_, ctx) {
        for (const line of lines) ctx.log(line);
      },
    }],
  });
  const job = await site.jobd.enqueue({ type: "talks" });
  await worker.start();
  await job.result({ timeout: "20s" });
  await worker.stop();
  let text = "";
  let after: string | undefined;
  for (;;) {
    const { answer } = await callTool(site, "get_job_logs", { id: job.id, ...(after ? { after } : {}) });
    assert.ok(lengthOf(answer) < ANSWER_MAX + 1_000);
    if (answer.items.length === 0) break;
    text += answer.items.map((item: { text: string }) => item.text).join("");
    after = answer.after;
  }
  for (const line of lines) assert.ok(text.includes(line), line);
});

Deno.test("lists without pages are cut at their ends, and the answer is still as its schema says", () => {
  const tool = TOOLS.get("enqueue_jobs");
  assert.ok(tool);
  const items = Array.from({ length: 5_000 }, () => ({
    id: crypto.randomUUID(),
    outcome: "created",
    state: "available",
  }));
  const { value, truncated } = fitted({ items }, tool.operation.output, "Ask for less.");
  assert.ok(lengthOf(value) <= ANSWER_MAX);
  assert.ok(tool.operation.output.safeParse(value).success);
  assert.match(truncated ?? "", /items holds the first \d+ of 5000\. Ask for less\./);
  assert.deepEqual(fitted({ items: [] }, tool.operation.output, ""), { value: { items: [] } });
});
