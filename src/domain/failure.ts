import type { FailureRecord } from "./job.ts";
import { storableText } from "./json.ts";
import type { Redaction } from "./redaction.ts";
import { storableResult } from "./result.ts";

/** The code of failures in which the process ended with the handler, whatever ended it. */
export const PROCESS_DIED = "process_died";

const MESSAGE_MAX = 4_000;
const STACK_MAX = 16_000;
const CAUSES_MAX = 5;

/** What was thrown, as it is kept with the job: cut to size, without characters that a store cannot hold. */
export function failureOf(thrown: unknown, redaction?: Redaction): FailureRecord {
  // What is redacted is taken out first: of a value that is cut in two neither half would be found.
  const storable = (text: string, max: number): string => storableText(redaction?.text(text) ?? text, max);
  if (!(thrown instanceof Error)) {
    return { code: "error", message: storable(describe(thrown), MESSAGE_MAX) };
  }
  const record: FailureRecord = {
    code: codeOf(thrown),
    message: storable(String(thrown.message === "" ? thrown.name : thrown.message), MESSAGE_MAX),
  };
  if (typeof thrown.stack === "string") record.stack = storable(thrown.stack, STACK_MAX);
  const causes = causesOf(thrown, storable);
  if (causes.length > 0) record.causes = causes;
  return record;
}

/** A failure record whose texts are cut to size and can be stored. */
export function storableFailure(given: FailureRecord, redaction?: Redaction): FailureRecord {
  const record = redaction?.failure(given) ?? given;
  return {
    ...record,
    code: storableText(record.code, 64),
    message: storableText(record.message, MESSAGE_MAX),
    ...(record.stack === undefined ? {} : { stack: storableText(record.stack, STACK_MAX) }),
    ...(record.causes === undefined ? {} : { causes: storableCauses(record.causes) }),
    ...(record.data === undefined ? {} : { data: storableResult(record.data) }),
  };
}

/** What a failure says that something else led to, unless it says so itself. */
export function becauseOf(cause: unknown, record: FailureRecord): FailureRecord {
  const stack = cause instanceof Error && typeof cause.stack === "string" ? { stack: cause.stack } : {};
  const under = cause instanceof Error ? causesOf(cause) : [];
  return { ...stack, causes: [storableText(describe(cause), MESSAGE_MAX), ...under], ...record };
}

function storableCauses(causes: string[]): string[] {
  return causes.slice(0, CAUSES_MAX).map((cause) => storableText(cause, MESSAGE_MAX));
}

function codeOf(error: Error): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && /^[\w.-]{1,64}$/.test(code) ? code : "error";
}

function causesOf(error: Error, storable = storableText): string[] {
  const causes: string[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < CAUSES_MAX;) {
    causes.push(storable(describe(cause), MESSAGE_MAX));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

function describe(thrown: unknown): string {
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
  try {
    return typeof thrown === "string" ? thrown : JSON.stringify(thrown) ?? String(thrown);
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}
