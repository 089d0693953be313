import type { Sink } from "./host.ts";

/** What {@linkcode PipeSink} needs of `Deno.stdout`. */
export interface SinkTarget {
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/**
 * An output that is written without blocking: a reader who stops reading must not stop the daemon, and a reader who
 * goes away (`| head -1`) must not make it fail.
 */
export class PipeSink implements Sink {
  readonly isTerminal: boolean;
  readonly #target: SinkTarget;
  readonly #closed = new AbortController();
  readonly #abandoned = Promise.withResolvers<void>();
  #queue: string[] = [];
  #pending = 0;
  #pump: Promise<void> | undefined;

  constructor(target: SinkTarget) {
    this.#target = target;
    this.isTerminal = isTerminal(target);
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get pending(): number {
    return this.#pending;
  }

  columns(): number {
    try {
      return Math.max(40, Deno.consoleSize().columns);
    } catch {
      return 80;
    }
  }

  write(text: string): void {
    if (text === "" || this.#closed.signal.aborted) return;
    this.#pending += text.length;
    this.#queue.push(text);
    this.#pump ??= this.#run();
  }

  async flush(): Promise<void> {
    await Promise.race([this.#pump, this.#abandoned.promise]);
  }

  abandon(): void {
    this.#abandoned.resolve();
    this.#queue = [];
    this.#closed.abort();
  }

  async #run(): Promise<void> {
    const encoder = new TextEncoder();
    while (this.#queue.length > 0) {
      const text = this.#queue.join("");
      this.#queue = [];
      try {
        const bytes = encoder.encode(text);
        for (let at = 0; at < bytes.length;) at += await this.#target.write(bytes.subarray(at));
      } catch {
        this.#queue = [];
        this.#closed.abort();
      }
      this.#pending -= text.length;
    }
    this.#pump = undefined;
  }
}

function isTerminal(target: SinkTarget): boolean {
  try {
    return target.isTerminal();
  } catch {
    return false;
  }
}
