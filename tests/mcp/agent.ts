import assert from "node:assert/strict";
import type { Role } from "../../src/domain/role.ts";
import type { Site } from "../http/site.ts";

/** How somebody calls. */
export interface Caller {
  as?: Role;
  secret?: string;
  headers?: Record<string, string>;
}

/** What a call of a tool gave. */
export interface ToolAnswer {
  /** The code of the error, if it is one. */
  code: string | undefined;
  /** What it says. */
  text: string;
  // deno-lint-ignore no-explicit-any
  answer: any;
}

/** Sends one request of the protocol, as a client that keeps nothing between two of them. */
export async function ask(
  site: Site,
  method: string,
  params: Record<string, unknown>,
  { headers = {}, ...caller }: Caller = {},
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  const answered = await site.call("POST", "/mcp", {
    body: { jsonrpc: "2.0", id: 1, method, params },
    headers: { accept: "application/json, text/event-stream", ...headers },
    ...caller,
  });
  assert.equal(answered.status, 200, JSON.stringify(answered.body));
  const stream = answered.headers.get("content-type")?.includes("event-stream");
  return stream ? lastEvent(answered.body) : answered.body;
}

/** Calls a tool. */
export async function callTool(
  site: Site,
  name: string,
  fields: Record<string, unknown>,
  caller: Caller = {},
): Promise<ToolAnswer> {
  const { result, error } = await ask(site, "tools/call", { name, arguments: fields }, caller);
  assert.ok(result, JSON.stringify(error));
  const { content: [{ text }], structuredContent, _meta } = result;
  if (result.isError) return { code: _meta["jobd/code"], text, answer: undefined };
  assert.equal(text, JSON.stringify(structuredContent), "the text says the same as the fields");
  return { code: undefined, text, answer: structuredContent };
}

function lastEvent(stream: string): unknown {
  const data = stream.split("\n").filter((line) => line.startsWith("data: {")).at(-1);
  assert.ok(data, stream);
  return JSON.parse(data.slice("data: ".length));
}
