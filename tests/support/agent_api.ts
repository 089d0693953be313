/** What the stand-in answers to one request for a message. */
export type AgentReply =
  /** The agent's final words. */
  | { text: string; inputTokens?: number; outputTokens?: number }
  /** A wish to run a shell command with the agent's Bash tool. */
  | { bash: string }
  /** An API error. */
  | { status: number; type: string; message: string; headers?: Record<string, string> }
  /** No answer at all until the client goes away. */
  | { silence: true };

/** A request for a message as the agent sent it. */
export interface AgentRequest {
  /** Its body. */
  body: { model?: string; messages?: { role: string; content: unknown }[]; tools?: unknown[] };
  /** How many came before it. */
  index: number;
}

/**
 * A stand-in for the model API on loopback: as much of it as an agent program needs for a run, so that the real
 * program can be tested without a network. It answers `POST /v1/messages` by a script and everything else with `{}`.
 */
export class AgentApi implements AsyncDisposable {
  /** Where agents find it. */
  readonly url: string;
  /** The requests for messages so far. */
  readonly requests: AgentRequest[] = [];
  readonly #script: (request: AgentRequest) => AgentReply;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #silent = new Set<ReadableStreamDefaultController<Uint8Array>>();

  /** Starts it on a free port; `script` decides each answer. */
  constructor(script: (request: AgentRequest) => AgentReply) {
    this.#script = script;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#silent) stream.close();
    await this.#server.shutdown();
  }

  /** The environment in which the real agent program talks to this stand-in and to nobody else. */
  environment(home: string): Record<string, string> {
    return {
      PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
      HOME: home,
      TERM: "dumb",
      ANTHROPIC_API_KEY: "sk-ant-test",
      ANTHROPIC_BASE_URL: this.url,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      CLAUDE_CODE_MAX_RETRIES: "0",
      DISABLE_TELEMETRY: "1",
      DISABLE_AUTOUPDATER: "1",
      // The program refuses to skip permissions for root unless it is told that it runs in a sandbox.
      IS_SANDBOX: "1",
    };
  }

  async #answer(request: Request): Promise<Response> {
    const text = await request.text();
    const path = new URL(request.url).pathname;
    if (request.method !== "POST" || path !== "/v1/messages") return Response.json({});
    const received: AgentRequest = { body: JSON.parse(text), index: this.requests.length };
    this.requests.push(received);
    return this.#reply(this.#script(received), received);
  }

  #reply(reply: AgentReply, { body, index }: AgentRequest): Response {
    if ("silence" in reply) return this.#say(null);
    if ("status" in reply) {
      const { status, type, message, headers = {} } = reply;
      return Response.json({ type: "error", error: { type, message } }, { status, headers });
    }
    return this.#say(messageEvents(reply, body.model ?? "model", index));
  }

  #say(events: Record<string, unknown>[] | null): Response {
    let own: ReadableStreamDefaultController<Uint8Array> | undefined;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        if (events === null) return void this.#silent.add(controller);
        for (const event of events) {
          controller.enqueue(
            new TextEncoder().encode(`event: ${event["type"]}\ndata: ${JSON.stringify(event)}\n\n`),
          );
        }
        controller.close();
      },
      cancel: () => void (own && this.#silent.delete(own)),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }
}

function messageEvents(
  reply: Extract<AgentReply, { text: string } | { bash: string }>,
  model: string,
  index: number,
): Record<string, unknown>[] {
  const usage = "text" in reply
    ? { input: reply.inputTokens ?? 12, output: reply.outputTokens ?? 5 }
    : { input: 12, output: 5 };
  const [block, delta] = "text" in reply
    ? [{ type: "text", text: "" }, { type: "text_delta", text: reply.text }]
    : [
      { type: "tool_use", id: `toolu_${index}`, name: "Bash", input: {} },
      {
        type: "input_json_delta",
        partial_json: JSON.stringify({ command: reply.bash, description: "test" }),
      },
    ];
  return [
    {
      type: "message_start",
      message: {
        id: `msg_${index}`,
        type: "message",
        role: "assistant",
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: usage.input, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: block },
    { type: "content_block_delta", index: 0, delta },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "text" in reply ? "end_turn" : "tool_use", stop_sequence: null },
      usage: { output_tokens: usage.output },
    },
    { type: "message_stop" },
  ];
}
