// Messages of all kinds, by both ways: each is answered, none breaks anything. JOBD_MESSAGES says how many, JOBD_SEED which.
import assert from "node:assert/strict";
import type { Jobd } from "../../src/mod.ts";
import { ROLES } from "../../src/domain/role.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { system } from "../../src/storage/system.ts";
import { AGENT_RULES } from "../../src/surfaces/mcp/context.ts";
import { serveAgents } from "../../src/surfaces/mcp/stdio.ts";
import { TOOLS } from "../../src/surfaces/mcp/tools.ts";
import { chance } from "../e2e/chance.ts";
import { Site } from "../http/site.ts";
import { Hostile } from "./hostile.ts";

const MESSAGES = Number(Deno.env.get("JOBD_MESSAGES") ?? 20_000);
const RULES = { ...AGENT_RULES, destructive: "many" as const };
/** What a message may be answered with besides a result. */
const PROTOCOL_ERRORS = [-32700, -32600, -32601, -32602];
/** What a call of a tool may fail with. */
const TOOL_ERRORS = ["invalid_request", "not_found", "conflict", "key_missing", "forbidden"];
/** All tools with their schemas are the longest answer there is. */
const ANSWER_MAX = 400_000;

interface Answer {
  jsonrpc: string;
  id: number | null;
  result?: { isError?: boolean; _meta?: Record<string, string>; structuredContent?: unknown };
  error?: { code: number; message: string };
}

function check(answer: Answer, text: string): void {
  assert.equal(answer.jsonrpc, "2.0", text);
  if (answer.error !== undefined) {
    assert.ok(
      PROTOCOL_ERRORS.includes(answer.error.code),
      `${JSON.stringify(answer.error)} to ${text.slice(0, 500)}`,
    );
    assert.ok(answer.error.message.length < 5_000, text.slice(0, 500));
    return;
  }
  assert.ok(answer.result, text);
  if (!answer.result.isError) return;
  const code = answer.result._meta?.["jobd/code"] ?? "";
  assert.ok(TOOL_ERRORS.includes(code), `${JSON.stringify(answer.result)} to ${text.slice(0, 500)}`);
}

function hostile(): Hostile {
  return new Hostile(chance(), [...TOOLS.values()].map(({ view }) => view));
}

/** Something for each kind of thing that messages name, and the ids. */
async function furnish(jobd: Jobd): Promise<string[]> {
  const jobs = await jobd.enqueueMany(
    Array.from({ length: 20 }, (_, n) => ({ type: n % 2 === 0 ? "a" : "b" })),
  );
  const batch = await jobd.batch([{ type: "a" }], { open: true });
  await jobd.schedules.create("a", { every: "1h", job: { type: "a" } });
  await jobd.enqueue({ type: "a", group: "a" });
  return [...jobs.map(({ id }) => id), batch.id];
}

/** A connection on pipes that tells each answer to whoever waits for it. */
class Pipe {
  readonly errors: unknown[] = [];
  readonly ended: Promise<void>;
  readonly unasked: Answer[] = [];
  longest = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #feed!: ReadableStreamDefaultController<Uint8Array>;

  constructor(site: Site, token: Awaited<ReturnType<Jobd["tokens"]["create"]>>["token"]) {
    this.ended = serveAgents(
      {
        input: new ReadableStream<Uint8Array>({ start: (controller) => void (this.#feed = controller) }),
        output: {
          pending: 0,
          closed: new AbortController().signal,
          flush: () => Promise.resolve(),
          write: (text) => this.#take(text),
        },
      },
      {
        jobdOf: () => Promise.resolve(site.jobd),
        rules: RULES,
        version: "1",
        clock: system,
        log: { ...silentLogger, error: (_, fields) => void this.errors.push(fields) },
      },
      { token, namespace: "default", signal: new AbortController().signal },
    );
  }

  send(text: string): void {
    this.#feed.enqueue(new TextEncoder().encode(`${text}\n`));
  }

  answerTo(id: number): Promise<Answer> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async close(): Promise<void> {
    this.#feed.close();
    await this.ended;
  }

  #take(text: string): void {
    assert.ok(text.endsWith("\n") && !text.slice(0, -1).includes("\n"), "a line is a message");
    this.longest = Math.max(this.longest, text.length);
    const answer = JSON.parse(text) as Answer;
    const resolve = this.#waiting.get(answer.id ?? 0);
    this.#waiting.delete(answer.id ?? 0);
    if (resolve === undefined) this.unasked.push(answer);
    else resolve(answer);
  }
}

Deno.test("on pipes, each of many hostile messages is answered, and with nothing but what is documented", async () => {
  await using site = await Site.open();
  const { token } = await site.jobd.tokens.create("t", { role: "admin" });
  const pipe = new Pipe(site, token);
  const messages = hostile();
  messages.ids.push(...await furnish(site.jobd));
  const begin = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "h", version: "1" } };
  const begun = pipe.answerTo(1e9);
  pipe.send(JSON.stringify({ jsonrpc: "2.0", id: 1e9, method: "initialize", params: begin }));
  await begun;
  const done = new Set<string>();
  for (let sent = 0; sent < MESSAGES * 0.7; sent += 50) {
    const lines = Array.from({ length: 50 }, () => messages.line());
    const answers = lines.map(({ id }) => id === undefined ? undefined : pipe.answerTo(id));
    for (const { text } of lines) pipe.send(text);
    for (const [at, answer] of answers.entries()) {
      if (answer === undefined) continue;
      const text = lines[at]?.text ?? "";
      const given = await answer;
      check(given, text);
      const { params } = JSON.parse(text) as { params?: { name?: string } };
      if (given.result?.structuredContent !== undefined) done.add(params?.name ?? "");
    }
  }
  for (const answer of pipe.unasked) check(answer, "noise");
  assert.ok(pipe.unasked.length > 0);
  if (MESSAGES >= 10_000) {
    assert.ok(done.size > 40, `only these have done something: ${[...done].join(", ")}`);
  }
  assert.ok(pipe.longest < ANSWER_MAX, `${pipe.longest}`);
  assert.deepEqual(pipe.errors, []);
  await pipe.close();
});

Deno.test("over HTTP, each of many hostile messages is answered, and with nothing but what is documented", async () => {
  await using site = await Site.open({ rules: RULES });
  const messages = hostile();
  messages.ids.push(...await furnish(site.jobd));
  const secrets = await Promise.all(ROLES.map((role) => site.secret(role)));
  for (let sent = 0; sent < MESSAGES * 0.3; sent++) {
    const { text } = messages.line();
    const { status, headers, body } = await site.call("POST", "/mcp", {
      body: text,
      headers: { accept: "application/json, text/event-stream" },
      secret: secrets[sent % 20 === 0 ? sent / 20 % secrets.length : secrets.length - 1] ?? "",
    });
    assert.ok([200, 202, 400, 404, 413].includes(status), `${status} to ${text.slice(0, 500)}`);
    const stream = headers.get("content-type")?.includes("event-stream");
    const said = stream
      ? (body as string).split("\n").filter((line) => line.startsWith("data: {")).map((line) =>
        JSON.parse(line.slice(6))
      )
      : body === ""
      ? []
      : [body];
    for (const answer of said) {
      if (status === 413) assert.equal(answer.code, "body_too_large");
      else check(answer, text);
    }
  }
  assert.deepEqual(site.faults, []);
});
