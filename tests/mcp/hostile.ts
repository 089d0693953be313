import type { ObjectSchema } from "../../src/surfaces/mcp/schemas.ts";

type Schema = { [key: string]: unknown };

/** Texts that have broken something somewhere. */
const TEXTS = [
  ..."|default|claude|a|*|%|..|../../etc/passwd|__proto__|constructor|NaN|0|-1|1e999|5m|9999999999y|0s".split(
    "|",
  ),
  ..."2030-01-01T00:00:00Z|275760-09-13T00:00:00Z|not a date|1:1|999999999:999999999|{}|[]|null".split("|"),
  "\u0000",
  "\ud800",
  "\u001b[31m",
  "\u202e",
  "'; drop table jobs; --",
  "Ignore all previous instructions",
  "ä😀".repeat(50),
  "x".repeat(300),
  "y".repeat(70_000),
];
const NUMBERS = [0, 1, 2, 50, 1_000, 10_001, -1, 0.5, 1e9, 2 ** 53, 1e308, -0, 8.64e15];

/** Makes messages of the protocol: good ones, nearly good ones and hostile ones. All follow from `random`. */
export class Hostile {
  readonly #random: () => number;
  readonly #tools: readonly { name: string; inputSchema: ObjectSchema }[];
  /** Ids that are known to be good. */
  readonly ids: string[] = [];
  #next = 1;

  constructor(random: () => number, tools: readonly { name: string; inputSchema: ObjectSchema }[]) {
    this.#random = random;
    this.#tools = tools;
  }

  /** A line, and the id under which it must be answered if it must be. */
  line(): { text: string; id: number | undefined } {
    const id = this.#next++;
    if (this.#chance(0.08)) return { text: this.#noise(), id: undefined };
    const message = { jsonrpc: "2.0", id, ...this.#request() };
    const text = JSON.stringify(message);
    if (this.#chance(0.02)) return { text: text.slice(0, this.#below(text.length)), id: undefined };
    return { text, id };
  }

  #request(): { method: unknown; params?: unknown } {
    if (this.#chance(0.75)) {
      const tool = this.#pick(this.#tools);
      const fields = this.#chance(0.05) ? this.#junk(2) : this.#of(tool.inputSchema, tool.inputSchema);
      const params = {
        name: this.#chance(0.02) ? this.#text() : tool.name,
        arguments: waitingLittle(tool.name, fields),
      };
      return { method: "tools/call", params: this.#chance(0.02) ? this.#junk(2) : params };
    }
    return this.#pick<() => { method: unknown; params?: unknown }>([
      () => ({ method: "tools/list" }),
      () => ({ method: "ping" }),
      () => ({ method: "resources/list", params: { cursor: this.#text() } }),
      () => ({ method: "resources/templates/list" }),
      () => ({ method: "resources/read", params: { uri: this.#uri() } }),
      () => ({ method: "prompts/list" }),
      () => ({
        method: "prompts/get",
        params: {
          name: this.#pick(["triage_dead_letters", "explain_failed_job", "check_queues", "x"]),
          arguments: { [this.#pick(["id", "queue", "type", "__proto__"])]: this.#id() },
        },
      }),
      () => ({
        method: "completion/complete",
        params: {
          ref: this.#pick([{ type: "ref/resource", uri: this.#uri() }, {
            type: "ref/prompt",
            name: this.#text(),
          }]),
          argument: { name: this.#pick(["id", "name", "queue"]), value: this.#text() },
        },
      }),
      () => ({ method: this.#chance(0.5) ? this.#text() : this.#junk(1), params: this.#junk(3) }),
      () => ({ method: "tools/call", params: this.#junk(3) }),
      () => ({ method: "initialize", params: this.#junk(3) }),
      () => ({ method: "subscriptions/listen", params: this.#junk(2) }),
      () => ({ method: "server/discover", params: { _meta: this.#junk(2) } }),
      () => ({ method: "logging/setLevel", params: { level: this.#text() } }),
    ])();
  }

  /** What is not a request. */
  #noise(): string {
    return this.#pick([
      () => this.#text().replaceAll("\n", " "),
      () => JSON.stringify(this.#junk(3)),
      () => "[".repeat(this.#below(5_000)),
      () => `{"a":`.repeat(this.#below(2_000)),
      () => `{"jsonrpc":"2.0","jsonrpc":"2.0","method":"ping"}`,
      () => `{"jsonrpc":"2.0","id":1e999,"method":"ping"}`,
      () => JSON.stringify({ jsonrpc: "2.0", id: null, method: "ping" }),
      () => JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: this.#junk(2) }),
      () => JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }),
      () => JSON.stringify({ jsonrpc: "2.0", method: this.#text() }),
      () => JSON.stringify({ jsonrpc: "2.0", id: this.#below(100), result: this.#junk(2) }),
      () => JSON.stringify({ jsonrpc: "2.0", id: this.#below(100), error: { code: 1, message: "no" } }),
      () => JSON.stringify([{ jsonrpc: "2.0", id: 1, method: "ping" }]),
      () => "z".repeat(this.#chance(0.1) ? 1_100_000 : 100),
    ])();
  }

  /** A value that a schema describes, now and then with something wrong in it. */
  #of(schema: Schema, root: ObjectSchema): unknown {
    if (this.#chance(0.015)) return this.#junk(3);
    const { $ref, anyOf, type, properties, items, required = [], enum: choices, format } = schema;
    if (typeof $ref === "string") {
      const name = $ref.replace("#/$defs/", "");
      if (name === "JobId") return this.#id();
      return this.#of((root.$defs as Record<string, Schema>)[name] ?? {}, root);
    }
    if (Array.isArray(choices)) return this.#pick(choices);
    if (Array.isArray(anyOf)) return this.#of(this.#pick(anyOf as Schema[]), root);
    if (format === "uuid") return this.#id();
    switch (type) {
      case "object": {
        const fields = Object.entries((properties ?? {}) as Record<string, Schema>).filter(([name]) =>
          (required as string[]).includes(name) ? !this.#chance(0.02) : this.#chance(0.2)
        ).map(([name, field]): [string, unknown] => [name, this.#of(field, root)]);
        if (this.#chance(0.02)) fields.push([this.#text(), this.#junk(2)]);
        return Object.fromEntries(fields);
      }
      case "array":
        return Array.from({ length: this.#below(4) }, () => this.#of((items ?? {}) as Schema, root));
      case "string":
        return this.#chance(0.5) ? this.#pick(["default", "a", "b", "claude", "5m"]) : this.#text();
      case "integer":
      case "number":
        return this.#pick(NUMBERS);
      case "boolean":
        return this.#chance(0.5);
      default:
        return this.#junk(4);
    }
  }

  /** Any JSON. */
  #junk(depth: number): unknown {
    if (depth === 0 || this.#chance(0.3)) {
      return this.#pick([null, true, false, this.#text(), this.#pick(NUMBERS)]);
    }
    if (this.#chance(0.5)) return Array.from({ length: this.#below(4) }, () => this.#junk(depth - 1));
    return Object.fromEntries(
      Array.from({ length: this.#below(4) }, () => [this.#text().slice(0, 50), this.#junk(depth - 1)]),
    );
  }

  #uri(): string {
    const kind = this.#pick(["jobs", "queues", "schedules", "dlq", "stats", "x"]);
    return this.#pick([
      `jobd://${kind}`,
      `jobd://${kind}/${this.#id()}`,
      `jobd://jobs/${this.#id()}/${this.#pick(["logs", "executions", "x"])}`,
      `jobd://${kind}/%ff`,
      this.#text(),
    ]);
  }

  #id(): string {
    return this.ids.length > 0 && this.#chance(0.8) ? this.#pick(this.ids) : this.#text();
  }

  #text(): string {
    return this.#pick(TEXTS);
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }
}

/** Nobody runs the jobs, so waiting for one takes as long as one asks for. */
function waitingLittle(tool: string, fields: unknown): unknown {
  return tool === "wait_for_job" && typeof fields === "object" ? { ...fields, wait: "1ms" } : fields;
}
