import type { Job } from "../../../domain/job.ts";
import type { Json } from "../../../domain/json.ts";
import type { SecretText } from "../../../domain/secret_text.ts";
import { coolDown, type Directive, fail, snooze } from "../../handler.ts";
import { lastLine } from "../tail.ts";
import type { Answered } from "./send.ts";

/** Answers below 500 after which the same request can succeed later. */
const PASSING = [408, 425, 429];
/** Nobody is obeyed who wants longer than this, in milliseconds. */
const MAX_WAIT_MS = 24 * 3_600_000;
/** Characters of the body that are kept with a failure. */
const ERROR_BODY = 2_000;

/** What {@linkcode verdict} needs besides the answer. */
export interface Circumstances {
  /** The job. */
  job: Job;
  /** The time, epoch milliseconds. */
  now: number;
  /** How long to wait after a 429 that does not say. */
  rateLimitDelayMs: number;
  /** What the request held and nobody may see: servers repeat what they get. */
  secrets: SecretText;
}

/** What an answer makes of the attempt. */
export function verdict(
  response: Answered,
  { job, now, rateLimitDelayMs, secrets }: Circumstances,
): Json | Directive {
  const { status } = response;
  const answer: Heard = { ...response, text: textOf(response, secrets) };
  if (status >= 200 && status < 300) return { status, ...bodyFields(answer) };
  const waitMs = retryAfterMs(answer.headers["retry-after"], now);
  if (status === 429) {
    const reason = "The server asks to slow down (429)";
    // Without a key the limit of all `http` jobs would cool down, wherever they go.
    return (job.options.limitKey === undefined ? snooze : coolDown)(waitMs ?? rateLimitDelayMs, reason);
  }
  const passing = status >= 500 || PASSING.includes(status);
  return fail(
    { code: `http_${status}`, message: messageOf(answer), data: failureData(answer) },
    { permanent: !passing, ...(passing && waitMs !== undefined ? { retryIn: waitMs } : {}) },
  );
}

/** An answer with its body as text, when it is some. */
interface Heard extends Answered {
  text: string | undefined;
}

function messageOf(answer: Heard): string {
  const { status } = answer;
  if (status >= 300 && status < 400) return `Answered ${status}: redirects are not followed`;
  const words = answer.public ? lastLine(answer.text?.slice(0, ERROR_BODY) ?? "") : "";
  return words === "" ? `Answered ${status}` : `Answered ${status}: ${words}`;
}

/** Who may see failures is not who may see what services inside say of themselves. */
function failureData(answer: Heard): Json {
  const text = answer.public ? answer.text : undefined;
  return {
    status: answer.status,
    ...(text === undefined ? {} : { body: text.slice(0, ERROR_BODY).toWellFormed() }),
  };
}

function bodyFields(answer: Heard): { [key: string]: Json } {
  if (answer.body.length === 0) return { body: null };
  const { text } = answer;
  if (text === undefined) return { body: null, omitted: "The body is not text" };
  if (answer.truncated) return { body: text, truncated: true };
  return { body: isJson(answer) ? parsed(text) : text };
}

function textOf({ headers, body, truncated }: Answered, secrets: SecretText): string | undefined {
  const coding = headers["content-encoding"] ?? "identity";
  if (coding !== "identity") return undefined;
  try {
    // The end of what was cut may be half a character.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body, { stream: truncated });
    if (text.includes("\0")) return undefined;
    return truncated ? secrets.cleanCut(text) : secrets.clean(text);
  } catch {
    return undefined;
  }
}

function isJson({ headers }: Answered): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(headers["content-type"] ?? "");
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** The header Retry-After in milliseconds from now: it says seconds or a date. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const until = /^\d{1,9}$/.test(text) ? now + Number(text) * 1_000 : Date.parse(text);
  return Number.isNaN(until) ? undefined : Math.min(Math.max(until - now, 0), MAX_WAIT_MS);
}
