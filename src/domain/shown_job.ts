import type { Job, JobOptions } from "./job.ts";
import type { Json } from "./json.ts";
import { type Redaction, redactionOf, withoutPaths } from "./redaction.ts";
import type { RedactedKeys } from "./redacted_keys.ts";
import type { Schedule, ScheduleSpec } from "./schedule.ts";
import { REDACTED } from "./secret_text.ts";

/** A job as anybody may see it; itself when nothing of it is redacted. */
export function shownJob(job: Job, keys?: RedactedKeys): Job {
  const view = viewOf(job, keys);
  if (view === undefined) return job;
  const { payload, progress, result, error, options } = job;
  return {
    ...job,
    payload: view.document(payload),
    progress: view.document(progress),
    result: view.result(result),
    error: error === null ? null : view.failure(error),
    options: { ...options, ...view.labels(options) },
  };
}

/** A document that belongs to a job, such as an answer that it was given, without the values that nobody may see. */
export function shownPart(job: Job, part: Json, keys?: RedactedKeys): Json {
  return viewOf(job, keys)?.part(part) ?? part;
}

/** A schedule as anybody may see it, with the job that it makes; itself when nothing of that is redacted. */
export function shownSchedule(schedule: Schedule, keys?: RedactedKeys): Schedule {
  const spec = shownSpec(schedule.spec, keys);
  const declared = schedule.declared === null ? null : shownSpec(schedule.declared, keys);
  return spec === schedule.spec && declared === schedule.declared
    ? schedule
    : { ...schedule, spec, declared };
}

function shownSpec(spec: ScheduleSpec, keys?: RedactedKeys): ScheduleSpec {
  const { job } = spec;
  if (job === undefined) return spec;
  const payload = (job.payload ?? null) as Json;
  const view = viewOf(
    { payload, options: job.redact === undefined ? {} : { redact: [...job.redact] } },
    keys,
  );
  if (view === undefined) return spec;
  const shown = job.payload === undefined ? {} : { payload: view.document(payload) };
  return { ...spec, job: { ...job, ...shown, ...view.labels(job) } };
}

function viewOf(job: Parameters<typeof redactionOf>[0], keys: RedactedKeys | undefined): View | undefined {
  const redaction = redactionOf(job);
  return redaction === undefined && keys === undefined
    ? undefined
    : new View(redaction, job.options.redact, keys);
}

/** Settings of a job that may repeat what its payload says. */
type Labels = Pick<JobOptions, "uniqueKey" | "limitKey" | "origin" | "tags" | "meta" | "headers"> & {
  unique?: { key?: string; hash?: string };
};
const TEXTS = ["uniqueKey", "limitKey", "origin"] as const satisfies (keyof Labels)[];

/** How one job is shown: without its paths, their values, and what is under the names of keys that nobody may see. */
class View {
  readonly #redaction: Redaction | undefined;
  readonly #paths: readonly string[];
  readonly #keys: RedactedKeys | undefined;

  constructor(redaction: Redaction | undefined, paths: readonly string[] = [], keys?: RedactedKeys) {
    this.#redaction = redaction;
    this.#paths = paths;
    this.#keys = keys;
  }

  document(value: Json): Json {
    // Paths first: a key that holds a value is another key afterwards.
    return this.#free(withoutPaths(value, this.#paths));
  }

  /** What a handler gave may hold the end of what a program has said. */
  result(value: Json): Json {
    const shown = withoutPaths(this.#paths.length === 0 ? value : withoutPreview(value), this.#paths);
    return this.#free(this.#redaction?.cutJson(shown) ?? shown);
  }

  /** Paths are about payload and result: elsewhere values are known by themselves. */
  part(value: Json): Json {
    return this.#free(value);
  }

  failure(record: NonNullable<Job["error"]>): NonNullable<Job["error"]> {
    const shown = this.#redaction?.failure(record) ?? record;
    return shown.data === undefined ? shown : { ...shown, data: this.#free(shown.data) };
  }

  labels<L extends Labels>(given: L): Partial<Labels> {
    const { unique, tags, meta, headers } = given;
    const texts = TEXTS.flatMap((name) => {
      const text = given[name];
      return text === undefined ? [] : [[name, this.#text(text)]];
    });
    return {
      ...Object.fromEntries(texts),
      ...(unique === undefined ? {} : { unique: this.#unique(unique) }),
      ...(tags === undefined ? {} : { tags: tags.map((tag) => this.#text(tag)) }),
      ...(meta === undefined ? {} : { meta: this.#free(meta) as NonNullable<Labels["meta"]> }),
      ...(headers === undefined ? {} : { headers: this.#free({ ...headers }) as Record<string, string> }),
    };
  }

  /** Of a short value the hash gives away as much as the value. */
  #unique({ key, hash, ...rest }: NonNullable<Labels["unique"]>): NonNullable<Labels["unique"]> {
    return {
      ...(key === undefined ? {} : { key: this.#text(key) }),
      ...rest,
      ...(hash === undefined ? {} : { hash: this.#redaction === undefined ? hash : REDACTED }),
    };
  }

  #text(text: string): string {
    return this.#redaction?.text(text) ?? text;
  }

  #free(value: Json): Json {
    const shown = this.#redaction?.json(value) ?? value;
    return this.#keys?.without(shown) ?? shown;
  }
}

/** A result that was too large is kept as the beginning of its text, in which no path leads anywhere. */
function withoutPreview(result: Json): Json {
  const cut = typeof result === "object" && result !== null && "$omitted" in result;
  return cut ? { ...result, preview: REDACTED } : result;
}
