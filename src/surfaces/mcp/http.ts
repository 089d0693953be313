import { createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server";
import { JobdError } from "../../domain/errors.ts";
import { parseAttemptMark } from "../../domain/attempt_mark.ts";
import type { TokenView } from "../../runtime/tokens.ts";
import { BODY_MAX, readJson } from "../http/body.ts";
import { namespaceOf } from "../http/caller.ts";
import type { Origin } from "../http/route.ts";
import type { McpCaller, McpContext } from "./context.ts";
import { checkMessage } from "./messages.ts";
import { mcpServer } from "./server.ts";

/** The header that says in which job an agent runs: its environment has it as `JOBD_ATTEMPT`. */
export const ATTEMPT_HEADER = "jobd-attempt";

/** The address for agents: each request is answered by itself, and nothing is kept between two of them. */
export class McpEndpoint {
  readonly #context: McpContext & { namespace: string; stopping: AbortSignal };
  readonly #handler: McpHttpHandler;

  constructor(context: McpContext & { namespace: string; stopping: AbortSignal }) {
    this.#context = context;
    this.#handler = createMcpHandler(
      ({ authInfo }) => mcpServer(context, authInfo?.extra?.caller as McpCaller),
      { onerror: (error) => context.log.debug("A message for agents was refused", { error: error.message }) },
    );
    context.stopping.addEventListener("abort", () => void this.#handler.close(), { once: true });
  }

  /** Answers a request. @throws {Refusal} what keeps it from being looked at */
  async answer(request: Request, token: TokenView, origin: Origin): Promise<Response> {
    const gone = new AbortController();
    const caller: McpCaller = {
      token,
      origin,
      namespace: namespaceOf(request, token, this.#context.namespace),
      signal: AbortSignal.any([gone.signal, this.#context.stopping]),
      ...programOf(request),
      ...parentOf(request),
    };
    const parsedBody = request.method === "POST" ? await this.#body(request) : undefined;
    if (parsedBody instanceof Response) return parsedBody;
    const response = await this.#handler.fetch(
      // Without the signal of the request: the server complains of its use.
      new Request(request.url, { method: request.method, headers: request.headers, signal: gone.signal }),
      {
        authInfo: { token: token.id, clientId: token.id, scopes: [token.role], extra: { caller } },
        ...(parsedBody === undefined ? {} : { parsedBody }),
      },
    );
    return noticing(response, gone);
  }

  async #body(request: Request): Promise<unknown> {
    try {
      const body = await readJson(request, { maxBytes: BODY_MAX, clock: this.#context.clock });
      const checked = checkMessage(body);
      return "error" in checked ? refused(checked.code, checked.error, checked.id) : body;
    } catch (error) {
      if (!(error instanceof JobdError)) throw error;
      return refused(-32700, error.message);
    }
  }
}

/** A refusal in the words of the protocol. */
function refused(code: number, message: string, id: string | number | null = null): Response {
  return Response.json({ jsonrpc: "2.0", id, error: { code, message } }, { status: 400 });
}

/** Tells when the reader of an answer that goes on has gone. */
function noticing(response: Response, gone: AbortController): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      gone.abort();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return new Response(body, { status: response.status, headers: response.headers });
}

function programOf(request: Request): { program?: string } {
  const program = request.headers.get("user-agent");
  return program === null ? {} : { program };
}

function parentOf(request: Request): { parent?: string } {
  const mark = request.headers.get(ATTEMPT_HEADER);
  // A client that fills in a variable which is not set sends nothing, or the name of the variable.
  if (mark === null || mark === "" || mark.startsWith("$")) return {};
  const attempt = parseAttemptMark(mark);
  if (attempt === undefined) {
    throw new JobdError("invalid_request", `Invalid header ${ATTEMPT_HEADER}: it is not JOB:ATTEMPT`, {
      hint: "Send what the environment variable JOBD_ATTEMPT holds, or leave it out.",
    });
  }
  return { parent: attempt.jobId };
}
