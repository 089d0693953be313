import type { LogChunk } from "../domain/job.ts";
import { storableText } from "../domain/json.ts";
import type { Run } from "../domain/transition.ts";
import type { LogBatch } from "../storage/driver.ts";

/** Characters of an attempt's log that are kept from its beginning, and as many from its end. */
export const LOG_HALF = 512 * 1024;
/** Characters in one stored chunk. */
export const CHUNK_MAX = 16 * 1024;
/** Characters that wait in memory for the next write. */
const PENDING_MAX = 256 * 1024;

interface Piece {
  stream: LogChunk["stream"];
  at: number;
  offset: number;
  text: string;
}

/**
 * The log of one attempt between the handler and the store: merges small writes, keeps head and tail of what is too
 * long, and holds a bounded amount in memory however fast the job prints. Offsets count everything, so a reader sees
 * where something was left out.
 */
export class JobLog {
  readonly run: Run;
  readonly #now: () => number;
  readonly #half: number;
  #pending: Piece[] = [];
  #pendingSize = 0;
  #offset = 0;
  #seq = 0;
  #headLeft: number;
  #tail: { seq: number; size: number }[] = [];
  #tailSize = 0;

  constructor(run: Run, options: { now: () => number; half?: number }) {
    this.run = { id: run.id, attempt: run.attempt };
    this.#now = options.now;
    this.#half = options.half ?? LOG_HALF;
    this.#headLeft = this.#half;
  }

  /** Adds text; never fails. */
  write(text: string, stream: LogChunk["stream"] = "stdout"): void {
    if (text === "") return;
    for (let at = 0; at < text.length; at += CHUNK_MAX) this.#add(text.slice(at, at + CHUNK_MAX), stream);
  }

  /** Whether something waits to be written. */
  get dirty(): boolean {
    return this.#pending.length > 0;
  }

  /** Takes what waits, as one batch for the store. */
  take(): LogBatch {
    const chunks = this.#pending.map(({ stream, at, offset, text }) => ({
      seq: this.#seq++,
      at,
      stream,
      offset,
      text: storableText(text, CHUNK_MAX),
    }));
    this.#pending = [];
    this.#pendingSize = 0;
    const drop = this.#cap(chunks);
    return { ...this.run, chunks, ...(drop === undefined ? {} : { drop }) };
  }

  #add(text: string, stream: LogChunk["stream"]): void {
    const last = this.#pending.at(-1);
    if (
      last?.stream === stream && last.text.length + text.length <= CHUNK_MAX &&
      last.offset + last.text.length === this.#offset
    ) {
      last.text += text;
    } else {
      this.#pending.push({ stream, at: this.#now(), offset: this.#offset, text });
    }
    this.#offset += text.length;
    this.#pendingSize += text.length;
    // A flood: what is neither head nor the newest part is forgotten before it is ever written.
    while (this.#pendingSize > PENDING_MAX + Math.max(0, this.#headLeft) && this.#pending.length > 1) {
      const index = this.#headPieces();
      const [gone] = this.#pending.splice(index, 1);
      this.#pendingSize -= gone?.text.length ?? 0;
    }
  }

  #headPieces(): number {
    let left = this.#headLeft;
    let index = 0;
    while (index < this.#pending.length - 1 && left > 0) left -= this.#pending[index++]?.text.length ?? 0;
    return index;
  }

  #cap(chunks: { seq: number; text: string }[]): LogBatch["drop"] {
    for (const { seq, text } of chunks) {
      if (this.#headLeft > 0) {
        this.#headLeft -= text.length;
      } else {
        this.#tail.push({ seq, size: text.length });
        this.#tailSize += text.length;
      }
    }
    const first = this.#tail[0];
    while (this.#tailSize > this.#half && this.#tail.length > 1) {
      this.#tailSize -= this.#tail.shift()?.size ?? 0;
    }
    const kept = this.#tail[0];
    return first && kept && kept.seq > first.seq ? { from: first.seq, to: kept.seq } : undefined;
  }
}
