// What runs in a process of its own: loads one module and runs the attempts that the worker sends, one at a time.
import { lines } from "./text_lines.ts";
import type { Handler } from "../handler.ts";
import { layered } from "../middleware/layers.ts";
import { attemptEnd } from "./attempt_end.ts";
import { ChildContext } from "./child_context.ts";
import { framed } from "./frames.ts";
import { contentsOf, definitionsOf } from "./module_exports.ts";
import type { FromChild, ToChild } from "./protocol.ts";
import { refusalOf } from "./rights.ts";
import { packThrown } from "./thrown.ts";

/** Sends a message to the worker. */
export type Send = (message: FromChild) => void;

/** Taken before the module is loaded, which may replace anything. */
const { stdin, stdout, stderr, exit } = Deno;

/**
 * Serves a module until the worker has nothing more to say: its end is the end of the pipe, so that a process whose daemon
 * is gone does not outlive it.
 */
export async function serve(load: () => Promise<Record<string, unknown>>): Promise<void> {
  const messages = lines(stdin.readable);
  const first = await messages.next();
  if (first.done) return;
  const { nonce } = JSON.parse(first.value) as Extract<ToChild, { kind: "hello" }>;
  hideStdin();
  // Who stops a whole machine or service signals all its processes at once: it is the daemon that lets jobs finish.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
  const send: Send = (message) => write(stdout, framed(message, nonce));
  const flush = (): void => write(stderr, framed({ kind: "flushed" } satisfies FromChild, nonce));
  const served = new Served(send, flush);
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    served.complain("A rejected promise that nothing handled", event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    served.complain("An error that nothing handled", event.error);
  });
  void served.load(load);
  for await (const line of messages) served.receive(JSON.parse(line) as ToChild);
  exit(0);
}

class Served {
  readonly #send: Send;
  readonly #flush: () => void;
  #handlers = new Map<string, Handler>();
  #context: ChildContext | undefined;

  constructor(send: Send, flush: () => void) {
    this.#send = send;
    this.#flush = flush;
  }

  async load(load: () => Promise<Record<string, unknown>>): Promise<void> {
    try {
      const exports = await load();
      for (const definition of definitionsOf(exports)) {
        const handler = layered(definition, []);
        for (const type of [definition.type, ...definition.aliases ?? []]) this.#handlers.set(type, handler);
      }
      this.#send({ kind: "ready", ...await contentsOf(exports) });
    } catch (thrown) {
      const refused = refusalOf(thrown);
      this.#send({
        kind: "broken",
        thrown: packThrown(thrown),
        ...(refused === undefined ? {} : { refused }),
      });
    }
  }

  receive(message: ToChild): void {
    if (message.kind === "run") void this.#run(message);
    else if (message.kind !== "hello") this.#context?.receive(message);
  }

  /** What a handler let go of is no end of its attempt, as in the worker's own process. */
  complain(what: string, thrown: unknown): void {
    const text = thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
    this.#send({ kind: "log", text: `${what}: ${text}\n`, stream: "stderr" });
  }

  async #run({ job, now, deadline }: Extract<ToChild, { kind: "run" }>): Promise<void> {
    const context = new ChildContext(job, { now, deadline, send: this.#send });
    this.#context = context;
    const handler = this.#handlers.get(job.type);
    const end = await attemptEnd(job, handler, context);
    context.close();
    this.#flush();
    try {
      this.#send({ kind: "end", end, rss: Deno.memoryUsage().rss });
    } catch (thrown) {
      // Only what a handler has put into its own failure cannot be written as JSON.
      this.#send({ kind: "end", end: { kind: "threw", thrown: packThrown(thrown) }, rss: 0 });
    }
  }
}

/** The worker's messages come through it, so nobody else may read it, and programs inherit it only when told to. */
function hideStdin(): void {
  const empty = {
    readable: new ReadableStream<Uint8Array>({ start: (controller) => controller.close() }),
    read: () => Promise.resolve(null),
    readSync: () => null,
    close: () => {},
    setRaw: () => {},
    isTerminal: () => false,
  };
  Object.defineProperty(Deno, "stdin", { value: empty });
  const { Command } = Deno;
  Deno.Command = class extends Command {
    constructor(command: string | URL, options?: Deno.CommandOptions) {
      super(command, { stdin: "null", ...options });
    }
  };
}

const encoder = new TextEncoder();

function write(pipe: Pick<typeof Deno.stdout, "writeSync">, pieces: string[]): void {
  try {
    for (const piece of pieces) pipe.writeSync(encoder.encode(piece));
  } catch {
    // Nobody reads any more: the daemon is gone.
    exit(1);
  }
}
