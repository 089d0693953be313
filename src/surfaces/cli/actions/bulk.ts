import { JobdError, messageOf } from "../../../domain/errors.ts";
import { type Json, parseJson } from "../../../domain/json.ts";
import { type JobRequest, newJob } from "../../../domain/request.ts";
import { uuidv7 } from "../../../domain/uuid.ts";
import { sleep } from "../../../domain/clock.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import { type Spread, spreadStarts } from "../../../runtime/spread.ts";
import type { InsertResult } from "../../../storage/driver.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";
import type { Output } from "../output.ts";
import { type PayloadSource, readSource, sourceName } from "./payload.ts";

/** Jobs stored together, all or none. */
const CHUNK = 1_000;
/** Input that cannot be read twice is held back up to this many characters, so that a bad line stores nothing. */
const HELD_MAX = 64 * 1024 * 1024;
/** The longest line: the largest payload in its longest notation, and some. */
const LINE_MAX = 4 * 1024 * 1024;
/** Bad lines that are named. */
const NAMED = 10;
/** How often a portion is tried when the store is away, one second apart; its ids make a repetition harmless. */
const TRIES = 30;

interface Line {
  number: number;
  length: number;
  request: JobRequest;
}

/** What was stored. */
interface Progress {
  jobs: InsertResult[];
  /** The last line that is stored for sure. */
  line: number;
  /** Gives jobs their starts, once it is known how many there are. */
  timed(requests: JobRequest[]): JobRequest[];
}

/** Where to, and when the jobs start. */
interface Target {
  jobd: Jobd;
  spread: Spread | undefined;
}

/**
 * Stores one job for each line of NDJSON. A file is checked as a whole before its first job is stored; so is other
 * input up to 64 MiB. Longer input is checked and stored in portions of 1,000 lines, each all or nothing; it cannot be spread,
 * because nobody knows yet how many lines it has.
 *
 * @throws {JobdError} naming bad lines, and which lines are stored
 */
export async function enqueueBulk(
  source: PayloadSource,
  request: JobRequest,
  context: Context,
  { jobd, spread }: Target,
): Promise<InsertResult[]> {
  const { out, host } = context;
  const progress: Progress = { jobs: [], line: 0, timed: (requests) => requests };
  const counted = (total: number): void => {
    if (spread === undefined) return;
    const now = jobd.now();
    progress.timed = (requests) =>
      spreadStarts(requests, spread, { now, random: chance, before: progress.jobs.length, total });
  };
  const lines = (): AsyncGenerator<Line> => readLines(source, request, context, jobd, () => progress.line);
  if (source.kind === "file") {
    let total = 0;
    for await (const line of lines()) {
      total++;
      if (line.number % CHUNK === 0) out.progress(`${line.number} lines checked`);
    }
    counted(total);
    for await (const portion of portions(lines())) await store(portion, progress, context, jobd);
  } else {await storeHeld(lines(), progress, context, {
      jobd,
      counted: spread === undefined ? undefined : counted,
    });}
  out.endProgress();
  if (host.stdout.closed.aborted) out.note("Nobody reads the ids any more; all jobs are stored.");
  return progress.jobs;
}

async function storeHeld(
  lines: AsyncGenerator<Line>,
  progress: Progress,
  context: Context,
  { jobd, counted }: { jobd: Jobd; counted: ((total: number) => void) | undefined },
): Promise<void> {
  let held: Line[] = [];
  let size = 0;
  let streaming = false;
  for await (const line of lines) {
    held.push(line);
    size += line.length;
    if (!streaming && size > HELD_MAX) {
      if (counted !== undefined) throw tooLongToSpread();
      context.out.note(
        "The input is longer than 64 MiB: from here on lines are checked and stored in portions of 1000.",
      );
      streaming = true;
    }
    if (!streaming || held.length < CHUNK) continue;
    for (let at = 0; at < held.length; at += CHUNK) {
      await store(held.slice(at, at + CHUNK), progress, context, jobd);
    }
    held = [];
  }
  counted?.(held.length);
  for (let at = 0; at < held.length; at += CHUNK) {
    await store(held.slice(at, at + CHUNK), progress, context, jobd);
  }
}

async function* portions(lines: AsyncGenerator<Line>): AsyncGenerator<Line[]> {
  let portion: Line[] = [];
  for await (const line of lines) {
    portion.push(line);
    if (portion.length < CHUNK) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}

async function store(lines: Line[], progress: Progress, { out, host }: Context, jobd: Jobd): Promise<void> {
  const requests = progress.timed(lines.map(({ request }) => request)).map((request) => ({
    ...request,
    id: uuidv7(jobd.now(), crypto.getRandomValues(new Uint8Array(16))),
  }));
  for (let tries = 1;; tries++) {
    try {
      const results = await jobd.enqueueMany(requests);
      // A repetition finds the jobs of the first try: they are its own.
      progress.jobs.push(
        ...results.map((one, index) =>
          one.outcome === "existing" && one.id === requests[index]?.id
            ? { ...one, outcome: "created" as const }
            : one
        ),
      );
      progress.line = lines.at(-1)?.number ?? progress.line;
      if (!out.json) { for (const { id } of results) out.line(id); }
      await host.stdout.flush();
      out.progress(`${count(progress.jobs.length, "job")} enqueued`);
      return;
    } catch (error) {
      if (!(error instanceof JobdError)) throw error;
      if (error.code !== "store_unavailable" || tries >= TRIES) throw stopped(error, progress.line, lines);
      out.progress(`${error.message}; trying again`);
      await sleep(host.clock, 1_000);
    }
  }
}

function tooLongToSpread(): JobdError {
  return new JobdError("invalid_request", "Input longer than 64 MiB can be spread only when it is a file", {
    hint:
      "Nothing was enqueued. Write it to a file and give --payload @FILE, so that its lines can be counted first.",
  });
}

/** A number in [0, 1). */
function chance(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
}

function stopped(error: JobdError, stored: number, lines: Line[]): JobdError {
  const [first, last] = [lines[0]?.number, lines.at(-1)?.number];
  const doubt = error.code === "store_unavailable" ? `; lines ${first} to ${last} may be stored or not` : "";
  return new JobdError(error.code, error.message, { hint: `${storedText(stored)}${doubt}.`, cause: error });
}

function storedText(line: number): string {
  return line === 0 ? "Nothing was enqueued" : `The jobs up to line ${line} are enqueued`;
}

/** Reads and checks all lines; at the first bad one it goes on only to name more of them. */
async function* readLines(
  source: PayloadSource,
  base: JobRequest,
  { host, out }: Context,
  jobd: Jobd,
  stored: () => number,
): AsyncGenerator<Line> {
  const bad: string[] = [];
  let badCount = 0;
  const now = jobd.now();
  const id = uuidv7(now, new Uint8Array(16));
  for await (const { number, text } of splitLines(source, readSource(source, host))) {
    if (text.trim() === "") continue;
    try {
      const payload: Json = parseJson("payload", text);
      const request = { ...base, payload };
      newJob({ namespace: jobd.namespace, ...request }, { now, id, maxAttempts: 1 });
      if (badCount === 0) yield { number, length: text.length, request };
    } catch (error) {
      badCount++;
      if (bad.length < NAMED) bad.push(`Line ${number}: ${messageOf(error)}`);
    }
  }
  if (badCount > 0) throw badLines(bad, badCount, stored(), out);
}

function badLines(bad: string[], total: number, stored: number, out: Output): JobdError {
  const hint = `${storedText(stored)}. Each line must be the JSON payload of one job.`;
  if (total === 1) return new JobdError("invalid_request", bad[0] ?? "", { hint });
  for (const line of bad) out.note(line);
  if (total > bad.length) out.note(`and ${total - bad.length} more`);
  return new JobdError("invalid_request", `${total} lines are wrong`, { hint });
}

async function* splitLines(
  source: PayloadSource,
  parts: AsyncGenerator<string>,
): AsyncGenerator<{ number: number; text: string }> {
  let rest = "";
  let number = 0;
  for await (const part of parts) {
    const pieces = (rest + part).split("\n");
    rest = pieces.pop() ?? "";
    for (const text of pieces) {
      yield { number: ++number, text: number === 1 ? text.replace(/^\uFEFF/, "") : text };
    }
    if (rest.length > LINE_MAX) {
      throw new JobdError(
        "invalid_request",
        `Line ${number + 1} of ${sourceName(source)} is longer than ${LINE_MAX} characters`,
      );
    }
  }
  if (rest !== "") yield { number: number + 1, text: number === 0 ? rest.replace(/^\uFEFF/, "") : rest };
}
