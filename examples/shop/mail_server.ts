/** What a mail server may do to a request, besides delivering it. */
export type Trouble = "unavailable" | "rate limited" | "answer lost";

/** Options of {@linkcode MailServer.start}. */
export interface MailServerOptions {
  /** What goes wrong with the n-th request, counted from 1. @default nothing */
  trouble?: (request: number) => Trouble | undefined;
}

/** Stands for the service that sends our mails: HTTP on loopback, as moody as the real ones. */
export class MailServer implements AsyncDisposable {
  /** What was delivered, by idempotency key. */
  readonly delivered = new Map<string, { to: string; text: string }>();
  /** What went wrong how often; mails that came again and were dropped are `repeated`. */
  readonly counts = { unavailable: 0, "rate limited": 0, "answer lost": 0, repeated: 0 };
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #trouble: (request: number) => Trouble | undefined;
  #requests = 0;

  private constructor({ trouble = () => undefined }: MailServerOptions) {
    this.#trouble = trouble;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#take(request),
    );
  }

  /** Starts one on a free port. */
  static start(options: MailServerOptions = {}): MailServer {
    return new MailServer(options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #take(request: Request): Promise<Response> {
    const letter = await request.json();
    const trouble = this.#trouble(++this.#requests);
    if (trouble !== undefined) this.counts[trouble]++;
    if (trouble === "unavailable") return new Response("try again later", { status: 503 });
    if (trouble === "rate limited") {
      return new Response("too many mails to this provider", {
        status: 429,
        headers: { "retry-after": "1" },
      });
    }
    if (letter.to.endsWith(".invalid")) return new Response("no such domain", { status: 422 });
    const key = request.headers.get("idempotency-key") ?? crypto.randomUUID();
    if (this.delivered.has(key)) this.counts.repeated++;
    else this.delivered.set(key, letter);
    if (trouble === "answer lost") return new Response("the connection broke", { status: 502 });
    return Response.json({ messageId: `<${key}@mail.example>` }, { status: 202 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
