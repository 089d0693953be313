import { invalid } from "../../domain/errors.ts";
import type { Job, LogChunk } from "../../domain/job.ts";
import { storableText } from "../../domain/json.ts";
import { redactionOf } from "../../domain/redaction.ts";
import { CHUNK_MAX, LOG_HALF } from "../job_log.ts";
import type { RemoteContext } from "./context.ts";
import type { RemoteLog } from "./options.ts";

/** Stored chunks of one piece at most: the numbers of the chunks follow from that of the piece, so it can be sent twice. */
const CHUNKS = 4;
const TEXT_MAX = CHUNKS * CHUNK_MAX;
const SEQ_MAX = Math.floor(0x7fff_ffff / CHUNKS) - 1;
/** Attempts whose logs are remembered. */
const REMEMBERED = 1_000;
const PAGE = 1_000;

/** A chunk that is stored. */
type Stored = Pick<LogChunk, "seq" | "offset"> & { size: number };

/** The logs of remote attempts: as long at most as those of others, from their beginning and their end. */
export class RemoteLogs {
  readonly #context: RemoteContext;
  /** What is stored of an attempt, after the write under way. */
  readonly #stored = new Map<string, Promise<Stored[]>>();

  constructor(context: RemoteContext) {
    this.#context = context;
  }

  /** Adds a piece to the log of a live attempt. @throws {JobdError} `invalid_request` */
  async add(job: Job, piece: RemoteLog): Promise<void> {
    checkPiece(piece);
    const key = `${job.id} ${job.attempt}`;
    const known = this.#stored.get(key) ?? this.#read(job);
    // The piece before may have gone to another server.
    const before = known.then((stored) => follows(stored, piece) ? stored : this.#read(job));
    const after = before.then((stored) => this.#write(job, stored, piece));
    this.#stored.delete(key);
    this.#stored.set(key, after);
    const [oldest] = this.#stored.keys();
    if (this.#stored.size > REMEMBERED && oldest !== undefined) this.#stored.delete(oldest);
    try {
      await after;
    } catch (error) {
      // Nobody knows what is stored now.
      this.#stored.delete(key);
      throw error;
    }
  }

  async #write(job: Job, stored: Stored[], { seq, text, stream = "stdout" }: RemoteLog): Promise<Stored[]> {
    const clean = redactionOf(job)?.text(text) ?? text;
    const others = stored.filter((chunk) => Math.floor(chunk.seq / CHUNKS) !== seq);
    if (others.length < stored.length || clean === "") return stored;
    const before = others.findLast((chunk) => chunk.seq < seq * CHUNKS);
    let offset = before === undefined ? 0 : before.offset + before.size;
    const at = this.#context.now();
    const chunks: Omit<LogChunk, "attempt">[] = [];
    for (const part of parts(clean)) {
      chunks.push({
        seq: seq * CHUNKS + chunks.length,
        at,
        stream,
        offset,
        text: storableText(part, CHUNK_MAX),
      });
      offset += part.length;
    }
    const added = chunks.map(({ seq, offset, text }) => ({ seq, offset, size: text.length }));
    const all = [...others, ...added].sort((a, b) => a.seq - b.seq);
    const drop = leftOut(all);
    const { id, attempt } = job;
    await this.#context.driver.appendLogs([{ id, attempt, chunks, ...(drop === undefined ? {} : { drop }) }]);
    return drop === undefined ? all : all.filter(({ seq }) => seq < drop.from || seq >= drop.to);
  }

  async #read({ id, attempt }: Job): Promise<Stored[]> {
    const stored: Stored[] = [];
    for (let seq = -1;;) {
      const page = await this.#context.driver.logs({ jobId: id, after: { attempt, seq }, limit: PAGE });
      const own = page.filter((chunk) => chunk.attempt === attempt);
      stored.push(...own.map(({ seq, offset, text }) => ({ seq, offset, size: text.length })));
      if (own.length < PAGE) return stored;
      seq = own.at(-1)?.seq ?? seq;
    }
  }
}

function checkPiece({ seq, text }: RemoteLog): void {
  if (!Number.isInteger(seq) || seq < 0 || seq > SEQ_MAX) {
    throw invalid("seq", seq, `a whole number from 0 to ${SEQ_MAX}`);
  }
  if (text.length > TEXT_MAX) {
    throw invalid("text", `${text.length} characters`, `at most ${TEXT_MAX} characters: send it in pieces`);
  }
}

/** Whether the piece before is among what is stored, or there is none. */
function follows(stored: readonly Stored[], { seq }: RemoteLog): boolean {
  return seq === 0 || stored.some((chunk) => Math.floor(chunk.seq / CHUNKS) === seq - 1);
}

/** A redacted text may be longer than the one that was sent; then its end is cut as that of any long text. */
function parts(text: string): string[] {
  const short = storableText(text, TEXT_MAX);
  return Array.from(
    { length: Math.ceil(Math.min(short.length, TEXT_MAX) / CHUNK_MAX) },
    (_, at) => short.slice(at * CHUNK_MAX, (at + 1) * CHUNK_MAX),
  );
}

/** Of what comes after the head, the oldest chunks that are too many. */
function leftOut(chunks: readonly Stored[]): { from: number; to: number } | undefined {
  const tail = chunks.filter(({ offset }) => offset >= LOG_HALF);
  let size = tail.reduce((sum, chunk) => sum + chunk.size, 0);
  let gone = 0;
  while (size > LOG_HALF && gone < tail.length - 1) size -= tail[gone++]?.size ?? 0;
  const [first, kept] = [tail[0], tail[gone]];
  return gone > 0 && first && kept ? { from: first.seq, to: kept.seq } : undefined;
}
