import { invalid, JobdError } from "./errors.ts";
import type { FailureRecord, Job } from "./job.ts";
import { type Json, LEFT_OUT } from "./json.ts";
import { REDACTED, SECRET_MIN, SecretStream, SecretText } from "./secret_text.ts";

/** The most paths of one job. */
const PATHS_MAX = 64;
const PATH_MAX = 256;
/** Shorter numbers are too common to be looked for in texts: parts of times, counts, ids of processes. */
const NUMBER_MIN = 6;
/** Lines of a text of several lines that are looked for by themselves, as a program may print them, in characters. */
const LINE_MIN = 8;

/** What of a job says which values nobody may see. */
export type Redactable = Pick<Job, "payload" | "options"> & { result?: Json };

/**
 * Paths of values that nobody may see, each once, in one order.
 *
 * @throws {JobdError} `invalid_request`
 */
export function parseRedact(paths: unknown): string[] {
  const fits = (path: unknown): boolean =>
    typeof path === "string" && path.length <= PATH_MAX && path.isWellFormed() && !path.includes("\u0000") &&
    path.split(".").every((step) => step !== "");
  if (!Array.isArray(paths) || paths.length > PATHS_MAX || !paths.every(fits)) {
    throw invalid(
      "redact",
      paths,
      `a list of up to ${PATHS_MAX} paths such as "card.number" or "items.*.secret"`,
    );
  }
  return [...new Set(paths as string[])].sort();
}

/** Paths of several lists; undefined when there are none. */
export function joinedPaths(...lists: (readonly string[] | undefined)[]): string[] | undefined {
  const all = [...new Set(lists.flatMap((list) => list ?? []))].sort();
  return all.length === 0 ? undefined : all;
}

/**
 * Refuses a document that was read where it is redacted and is written back as if it were whole.
 *
 * @throws {JobdError} `invalid_request`
 */
export function refuseRedacted(payload: Json, paths: readonly string[] | undefined): void {
  if (paths === undefined || !valuesAt(payload, paths).includes(REDACTED)) return;
  throw new JobdError(
    "invalid_request",
    `Invalid payload: it holds "${REDACTED}" in the place of a redacted value`,
    { hint: "It was read as it is shown. A program reads the real values with { reveal: true }." },
  );
}

/** The document with {@linkcode REDACTED} at these paths, whatever is there. `*` stands for each key or item. */
export function withoutPaths(value: Json, paths: readonly string[]): Json {
  return paths.reduce<Json>((shown, path) => hidden(shown, path.split(".")), value);
}

/** What may not be shown of one job, and takes it out of what is. */
export class Redaction {
  readonly #secrets: SecretText;

  /** For these values, and all that they hold. */
  constructor(values: readonly Json[]) {
    const leaves = values.flatMap(leavesOf);
    const texts = leaves.filter((leaf) => typeof leaf === "string");
    const numbers = leaves.filter((leaf) => typeof leaf === "number").map(String)
      .filter((text) => text.length >= NUMBER_MIN);
    this.#secrets = new SecretText([...texts.flatMap(spellings), ...numbers]);
  }

  /** A text without the values. */
  text(text: string): string {
    return this.#secrets.clean(text);
  }

  /** A text of which something may be missing: at its beginning, at its end, and where it says so. */
  cutText(text: string): string {
    return text.split(LEFT_OUT).map((part) => this.#secrets.cleanCut(part)).join("");
  }

  /** A document without them, in its keys too. */
  json(value: Json): Json {
    return this.#json(value, (text) => this.text(text));
  }

  /** The same for one with texts of which something may be missing, such as the last lines of what a program has said. */
  cutJson(value: Json): Json {
    return this.#json(value, (text) => this.cutText(text));
  }

  /** A failure without them. */
  failure(record: FailureRecord): FailureRecord {
    const { code, message, stack, causes, data } = record;
    return {
      ...record,
      code: this.text(code),
      message: this.cutText(message),
      ...(stack === undefined ? {} : { stack: this.cutText(stack) }),
      ...(causes === undefined ? {} : { causes: causes.map((cause) => this.cutText(cause)) }),
      ...(data === undefined ? {} : { data: this.cutJson(data) }),
    };
  }

  /** The same for a text that comes in pieces. */
  stream(): SecretStream {
    return new SecretStream(this.#secrets);
  }

  #json(value: Json, clean: (text: string) => string): Json {
    if (this.#secrets.isEmpty) return value;
    if (typeof value === "string") return clean(value);
    if (typeof value === "number") return this.text(String(value)) === String(value) ? value : REDACTED;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.#json(item, clean));
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.text(key), this.#json(item, clean)]),
    );
  }
}

/**
 * What of a job no log may show; undefined when it redacts nothing. For layers around handlers that write logs of their own.
 *
 * @example
 * ```ts
 * import { redactionOf } from "./redaction.ts";
 *
 * const job = { payload: { token: "s3cr3t-token" }, options: { redact: ["token"] } };
 * console.log(redactionOf(job)?.text("refused: s3cr3t-token")); // "refused: [redacted]"
 * ```
 */
export function redactionOf(...jobs: Redactable[]): Redaction | undefined {
  if (jobs.every(({ options }) => options.redact === undefined)) return undefined;
  return new Redaction(
    jobs.flatMap(({ payload, result = null, options: { redact = [] } }) => [
      ...valuesAt(payload, redact),
      ...valuesAt(result, redact),
    ]),
  );
}

/** What is at the paths of a document. */
function valuesAt(value: Json, paths: readonly string[]): Json[] {
  return paths.flatMap((path) => at(value, path.split(".")));
}

function at(value: Json, [step, ...rest]: readonly string[]): Json[] {
  if (step === undefined) return [value];
  if (isWhole(value, step, rest)) return [value];
  return children(value, step).flatMap(([, child]) => at(child, rest));
}

function hidden(value: Json, [step, ...rest]: readonly string[]): Json {
  if (step === undefined || isWhole(value, step, rest)) return REDACTED;
  const found = children(value, step);
  if (found.length === 0) return value;
  const changes = found.map(([key, child]) => [key, hidden(child, rest)] as const);
  if (Array.isArray(value)) {
    const items = new Map(changes);
    return value.map((item, index) => items.get(String(index)) ?? item);
  }
  return { ...value as { [key: string]: Json }, ...Object.fromEntries(changes) };
}

/** `*` alone means all there is, also where that is one text or number. */
function isWhole(value: Json, step: string, rest: readonly string[]): boolean {
  return step === "*" && rest.length === 0 && (typeof value !== "object" || value === null);
}

/** What one step of a path leads to. */
function children(value: Json, step: string): [key: string, child: Json][] {
  if (typeof value !== "object" || value === null) return [];
  if (step === "*") return Object.entries(value);
  if (Array.isArray(value) && !/^\d+$/.test(step)) return [];
  if (!Object.hasOwn(value, step)) return [];
  const child = (value as { [key: string]: Json })[step];
  return child === undefined ? [] : [[step, child]];
}

function leavesOf(value: Json): (string | number | boolean | null)[] {
  if (typeof value !== "object" || value === null) return [value];
  return Object.values(value).flatMap(leavesOf);
}

/** How a text may stand in another one: as it is, inside JSON, inside a URL, and its lines one by one. */
function spellings(text: string): string[] {
  const core = text.trim();
  if (core.length < SECRET_MIN) return [text];
  const lines = core.split(/\r?\n/).map((line) => line.trim());
  return [
    core,
    JSON.stringify(core).slice(1, -1),
    // Payloads have no lone surrogates, which could not be written so.
    encodeURIComponent(core.toWellFormed()),
    ...(lines.length > 1 ? lines.filter((line) => line.length >= LINE_MIN) : []),
  ];
}
