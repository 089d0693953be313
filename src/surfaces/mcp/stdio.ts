import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { messageOf } from "../../domain/errors.ts";
import type { McpCaller, McpContext } from "./context.ts";
import { type Checked, readMessage } from "./messages.ts";
import { mcpServer } from "./server.ts";

/** The longest message, in bytes. */
const MESSAGE_MAX = 1024 * 1024;
/** Characters of answers that nobody has taken, beyond which no more questions are read. */
const UNREAD_MAX = 4 * 1024 * 1024;
/** Questions that are answered at the same time at most; those that come then wait in the pipe. */
const OPEN_MAX = 256;
const NEWLINE = 10;

/** Where messages come from and go to. */
export interface Pipes {
  /** Lines of JSON. */
  input: ReadableStream<Uint8Array>;
  /** Takes lines of JSON. */
  output: {
    write(text: string): void;
    flush(): Promise<void>;
    readonly pending: number;
    readonly closed: AbortSignal;
  };
}

/** Serves one program until it closes its end, or the caller's signal is aborted. */
export async function serveAgents(pipes: Pipes, context: McpContext, caller: McpCaller): Promise<void> {
  const transport = new StdioTransport(pipes);
  const ended = new AbortController();
  const signal = AbortSignal.any([caller.signal, ended.signal]);
  const handle = serveStdio(() => mcpServer(context, { ...caller, signal }), {
    transport,
    onerror: (error) => context.log.warn("A message could not be handled", { error: error.message }),
  });
  caller.signal.addEventListener("abort", () => void handle.close(), { once: true });
  if (caller.signal.aborted) await handle.close();
  await transport.ended;
  ended.abort();
}

/**
 * Messages as lines of JSON. Nothing else is written; what cannot be understood is answered with an error; and neither side can
 * make this program keep more than a few messages in memory.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #pipes: Pipes;
  readonly #open = new Set<string | number>();
  readonly #ended = Promise.withResolvers<void>();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #answered = Promise.withResolvers<void>();
  #closed = false;

  constructor(pipes: Pipes) {
    this.#pipes = pipes;
  }

  /** Resolves when the other side has closed its end, or this one its own. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  start(): Promise<void> {
    this.#pipes.output.closed.addEventListener("abort", () => void this.close(), { once: true });
    void this.#read();
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if ("id" in message && !("method" in message) && message.id !== undefined && message.id !== null) {
      this.#settle(message.id);
    }
    if (!this.#closed) this.#pipes.output.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#answered.resolve();
    await this.#reader?.cancel().catch(() => {});
    this.onclose?.();
    this.#ended.resolve();
  }

  async #read(): Promise<void> {
    const reader = this.#reader = this.#pipes.input.getReader();
    const lines = new Lines(MESSAGE_MAX);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#closed) break;
        for (const line of lines.of(value)) await this.#take(line);
      }
    } catch (error) {
      this.onerror?.(error instanceof Error ? error : new Error(messageOf(error)));
    }
    await this.close();
  }

  async #take(line: Line): Promise<void> {
    if (this.#closed) return;
    const checked = line === "too long"
      ? { error: `A message is longer than ${MESSAGE_MAX} bytes`, code: -32600 }
      : messageIn(line);
    if (checked === undefined) return;
    if ("error" in checked) {
      const { code, error: message, id = null } = checked;
      // The protocol answers what it cannot tell the sender of under no id at all.
      return await this.send({ jsonrpc: "2.0", id, error: { code, message } } as unknown as JSONRPCMessage);
    }
    const { message } = checked;
    if ("method" in message && "id" in message) this.#open.add(message.id);
    else if ("method" in message && message.method === "notifications/cancelled") {
      // It gets no answer.
      this.#settle((message.params as { requestId?: string | number } | undefined)?.requestId ?? "");
    }
    this.onmessage?.(message);
    await this.#room();
  }

  /** Waits while there is too much that nobody has answered, or taken. */
  async #room(): Promise<void> {
    while (this.#open.size >= OPEN_MAX && !this.#closed) await this.#answered.promise;
    if (this.#pipes.output.pending > UNREAD_MAX) await this.#pipes.output.flush();
  }

  #settle(id: string | number): void {
    this.#open.delete(id);
    this.#answered.resolve();
    this.#answered = Promise.withResolvers();
  }
}

type Line = Uint8Array | "too long";

/** The message of a line; undefined for one that is empty. */
function messageIn(line: Uint8Array): Checked | undefined {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(line);
  } catch (error) {
    return { error: `Invalid message: ${messageOf(error)}`, code: -32700 };
  }
  return text.trim() === "" ? undefined : readMessage(text);
}

/** Cuts bytes into lines; of a line that is too long nothing is kept. */
class Lines {
  readonly #max: number;
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  *of(bytes: Uint8Array): Generator<Line> {
    let begin = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, begin)) {
      this.#add(bytes.subarray(begin, end));
      begin = end + 1;
      yield this.#take();
    }
    this.#add(bytes.subarray(begin));
  }

  #add(part: Uint8Array): void {
    this.#size += part.length;
    if (this.#size > this.#max) this.#parts = [];
    else this.#parts.push(part);
  }

  #take(): Line {
    const size = this.#size;
    const parts = this.#parts;
    this.#parts = [];
    this.#size = 0;
    if (size > this.#max) return "too long";
    const line = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      line.set(part, at);
      at += part.length;
    }
    return line;
  }
}
