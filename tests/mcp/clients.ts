import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { dirname, join } from "node:path";
import { SHIPPED_FLAGS } from "../cli/program.ts";
import { PipeTransport } from "./pipe_transport.ts";

const MAIN = join(dirname(new URL(import.meta.url).pathname), "../../main.ts");

/** The generations of the protocol that the official client speaks. */
export const ERAS = ["legacy", "modern"] as const;
/** One of {@linkcode ERAS}. */
export type Era = (typeof ERAS)[number];

/** The official client, which has not connected yet. */
export function newClient(era: Era): Client {
  const mode = era === "legacy" ? "legacy" : "auto";
  return new Client({ name: "tester", version: "1.2.3" }, { versionNegotiation: { mode } });
}

/** The command line of `jobd mcp`. */
export function mcpArgs(url: string, ...flags: string[]): string[] {
  return ["run", ...SHIPPED_FLAGS, MAIN, "mcp", "--database-url", url, ...flags];
}

/** A client of a program of its own. */
export async function stdioClient(
  era: Era,
  url: string,
  { flags = [], env = {} }: { flags?: string[]; env?: Record<string, string> } = {},
): Promise<Client & AsyncDisposable> {
  const client = newClient(era);
  await client.connect(new PipeTransport(mcpArgs(url, ...flags), { LOG_LEVEL: "error", ...env }));
  return disposable(client);
}

/** A client of a server. */
export async function httpClient(
  era: Era,
  url: string,
  headers: Record<string, string>,
): Promise<Client & AsyncDisposable> {
  const client = newClient(era);
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }),
  );
  return disposable(client);
}

function disposable(client: Client): Client & AsyncDisposable {
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

/** The fields of an answer. */
// deno-lint-ignore no-explicit-any
export async function call(client: Client, name: string, fields: Record<string, unknown> = {}): Promise<any> {
  const result = await client.callTool({ name, arguments: fields });
  if (result.isError) throw new Error(JSON.stringify(result.content));
  return result.structuredContent;
}

/** What went wrong, in words. */
export async function failure(
  client: Client,
  name: string,
  fields: Record<string, unknown> = {},
): Promise<string> {
  const { isError, content } = await client.callTool({ name, arguments: fields });
  const [first] = content as { text: string }[];
  if (!isError) throw new Error(`${name} did not fail: ${first?.text}`);
  return first?.text ?? "";
}
