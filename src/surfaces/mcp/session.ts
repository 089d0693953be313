import { JobdError } from "../../domain/errors.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import { checkScope } from "../http/caller.ts";
import { checkInput } from "../http/input.ts";
import { faultText, isFault, type Problem, problemOf, Refusal } from "../http/problem.ts";
import type { Operation } from "../operations/operation.ts";
import type { McpCaller, McpContext } from "./context.ts";
import { ANSWER_MAX, type Fitted, fitted, lengthOf, PREVIEW, preview } from "./fitting.ts";
import { isText, UNTRUSTED } from "./schemas.ts";
import { type Tool, TOOLS, withheld } from "./tools.ts";

/** What makes jobs again and again, which no limit on jobs would hold. */
const RECURRING = ["schedules.create", "schedules.update"];

/** How a tool is called. */
export interface ToolCall {
  /** Its fields. */
  fields: Record<string, unknown>;
  /** The program that calls, as it says itself. */
  client: string;
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal;
}

/** What one caller may do, and does. */
export class Session {
  readonly #context: McpContext;
  readonly #caller: McpCaller;

  constructor(context: McpContext, caller: McpCaller) {
    this.#context = context;
    this.#caller = caller;
  }

  /** The tools that the caller has. */
  tools(): Tool[] {
    return [...TOOLS.values()].filter((tool) => this.#withheld(tool) === undefined);
  }

  /** Whether the caller has a tool. */
  has(name: string): boolean {
    const tool = TOOLS.get(name);
    return tool !== undefined && this.#withheld(tool) === undefined;
  }

  /**
   * Calls a tool.
   *
   * @throws {Refusal} `forbidden`
   * @throws {JobdError} `invalid_request`, and whatever the operation throws
   */
  async call(tool: Tool, { fields, client, signal }: ToolCall): Promise<Record<string, unknown>> {
    const reason = this.#withheld(tool);
    if (reason !== undefined) throw new Refusal("forbidden", reason);
    const { operation } = tool;
    const input = checkInput(operation, { ...operation.toolDefaults, ...fields });
    const { token, namespace, parent } = this.#caller;
    checkScope(token, operation.touches?.(input) ?? []);
    if (parent !== undefined && RECURRING.includes(operation.name)) {
      throw new JobdError("conflict", "An agent that runs in a job cannot make or change schedules", {
        hint: "Its jobs would come again and again without an end: leave that to a person.",
      });
    }
    const jobd = this.#actingFor(client, tool, await this.#context.jobdOf(namespace));
    const call = { jobd, caller: token, signal: AbortSignal.any([signal, this.#caller.signal]) };
    const { value, truncated } = await answer(operation, input, async (given) => ({
      ...await operation.run?.(call, given) as object,
    }));
    return {
      ...(tool.untrusted ? { untrusted: UNTRUSTED } : {}),
      ...(truncated === undefined ? {} : { truncated }),
      ...value,
    };
  }

  /** What a caller is told of an error; those of the program itself are in the log. */
  problemOf(error: unknown, what: string): Problem {
    if (isFault(error)) this.#context.log.error("A call failed", { call: what, error: faultText(error) });
    return problemOf(error);
  }

  /** The store for an agent: jobs that it enqueues say so, and the audit log names it for what operators do. */
  #actingFor(client: string, { name, operation: { http, role } }: Tool, jobd: Jobd): Jobd {
    const { token, parent, origin } = this.#caller;
    if (http.method === "get") return jobd;
    const agent = { client, tool: name, token: token.id, ...(parent === undefined ? {} : { parent }) };
    const own = jobd.forAgent(agent, this.#context.rules.limits);
    if (role !== "operate" && role !== "admin") return own;
    const from = origin && { requestId: origin.requestId, address: origin.address() };
    return own.as({ surface: "mcp", token: token.id, name: client, role: token.role, ...from });
  }

  #withheld(tool: Tool): string | undefined {
    return withheld(tool, this.#caller, this.#context.rules);
  }
}

type Run = (input: unknown) => Promise<Record<string, unknown>>;

/** Runs an operation so that its answer is not too long: a page that is gets fewer items, so that the next begins after them. */
async function answer(operation: Operation, input: unknown, run: Run): Promise<Fitted> {
  const value = await run(input);
  if (lengthOf(value) <= ANSWER_MAX) return { value };
  const { items } = value;
  const paged = operation.http.method === "get" && "limit" in operation.input.shape && Array.isArray(items);
  if (!paged) return fitted(value, operation.output, "Ask for less at a time.");
  // Of a log every word is wanted, of a job in a list only what it is about.
  const shown = (page: Record<string, unknown>) => isText(operation) ? page : preview(page, operation.output);
  const cut = isText(operation) ? "" : `Texts longer than ${PREVIEW} characters were cut. `;
  let page = shown(value);
  let truncated = cut;
  for (let count = items.length; lengthOf(page) > ANSWER_MAX && count > 1;) {
    count = Math.max(1, Math.min(count - 1, Math.floor((count * ANSWER_MAX * 0.9) / lengthOf(page))));
    page = shown(await run({ ...input as object, limit: count }));
    truncated = `${cut}This page holds ${count} items: go on after it.`;
  }
  if (lengthOf(page) <= ANSWER_MAX) return { value: page, truncated };
  return fitted(page, operation.output, "Ask for less at a time.");
}
