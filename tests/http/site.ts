import type { Role } from "../../src/domain/role.ts";
import type { TokenOptions } from "../../src/domain/token.ts";
import { Jobd } from "../../src/runtime/jobd.ts";
import type { OpenOptions } from "../../src/runtime/jobd_options.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { system } from "../../src/storage/system.ts";
import { type Answer, createApp } from "../../src/surfaces/http/app.ts";
import type { AgentRules } from "../../src/surfaces/mcp/context.ts";
import { Tenants } from "../../src/surfaces/http/tenants.ts";

/** What an answer was. */
export interface Answered {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** An API on a store in memory, called without a network. */
export class Site implements AsyncDisposable {
  readonly jobd: Jobd;
  readonly answer: Answer;
  /** What the program has logged as its own failures. */
  readonly faults: unknown[] = [];
  readonly #tenants: Tenants;
  readonly #stopping = new AbortController();
  readonly #secrets = new Map<Role, string>();

  private constructor(jobd: Jobd, hosts: readonly string[], rules: AgentRules | undefined) {
    this.jobd = jobd;
    this.#tenants = new Tenants(jobd);
    this.answer = createApp({
      jobdOf: (namespace) => this.#tenants.of(namespace),
      findToken: (secret) => jobd.tokens.find(secret),
      namespace: jobd.namespace,
      stopping: this.#stopping.signal,
      hosts,
      ...(rules === undefined ? {} : { rules }),
      version: "0.0.0",
      clock: system,
      log: { ...silentLogger, error: (_, fields) => void this.faults.push(fields) },
    });
  }

  static async open(
    { hosts = [], rules, ...options }:
      & { hosts?: readonly string[]; rules?: AgentRules }
      & Pick<OpenOptions, "encryption"> = {},
  ): Promise<Site> {
    return new Site(await Jobd.open(new MemoryDriver(), options), hosts, rules);
  }

  /** The secret of a token. */
  async secret(role: Role, options: Omit<TokenOptions, "role"> = {}): Promise<string> {
    return (await this.jobd.tokens.create("test", { role, ...options })).secret;
  }

  /** Sends a request with a token of a role (admin unless said otherwise), or with a secret, or without any (null). */
  async call(
    method: string,
    path: string,
    { body, headers = {}, as = "admin", secret }: {
      body?: unknown;
      headers?: Record<string, string>;
      as?: Role | null;
      secret?: string;
    } = {},
  ): Promise<Answered> {
    const response = await this.answer(
      new Request(`http://localhost:8080${path}`, {
        method,
        headers: {
          host: "localhost:8080",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(as === null ? {} : { authorization: `Bearer ${secret ?? await this.#of(as)}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
      () => "10.1.2.3",
    );
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json");
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#tenants.close();
    await this.jobd.close();
  }

  async #of(role: Role): Promise<string> {
    const secret = this.#secrets.get(role) ?? await this.secret(role);
    this.#secrets.set(role, secret);
    return secret;
  }
}
