import {
  deserializeMessage,
  type JSONRPCMessage,
  serializeMessage,
  type Transport,
} from "@modelcontextprotocol/client";
import assert from "node:assert/strict";

/**
 * A server as a process of its own, for the official client. The client's own way to start one leaves a timer behind, which a
 * test may not; and this one looks at how the process ends.
 */
export class PipeTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #command: Deno.Command;
  #child: Deno.ChildProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #read: Promise<void> | undefined;

  constructor(args: string[], env: Record<string, string>) {
    this.#command = new Deno.Command(Deno.execPath(), {
      args,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
  }

  start(): Promise<void> {
    this.#child = this.#command.spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#read = this.#readAll(this.#child.stdout);
    return Promise.resolve();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    await this.#writer?.write(new TextEncoder().encode(serializeMessage(message)));
  }

  async close(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer === undefined) return;
    await writer.close();
    await this.#read;
    const { code, signal } = await this.#child!.status;
    this.onclose?.();
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, "the server ends well when stdin does");
  }

  async #readAll(stdout: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.onmessage?.(deserializeMessage(line));
    }
    assert.equal(rest, "", "the last message is whole");
  }
}
