import type { Clock } from "../../domain/clock.ts";
import { invalid, JobdError } from "../../domain/errors.ts";
import { type Json, parseJson } from "../../domain/json.ts";
import { Refusal } from "./problem.ts";

/** The longest body of a request, in bytes. */
export const BODY_MAX = 1024 * 1024;
/** The longest body with many jobs, in bytes. */
export const BULK_BODY_MAX = 32 * 1024 * 1024;
/** How long a body may take to arrive, in milliseconds. */
const ARRIVAL_MS = 30_000;

/**
 * Reads the object of JSON in a body; an empty body is an empty object.
 *
 * @throws {Refusal} `unsupported_media_type`, `body_too_large`, `request_timeout`
 * @throws {JobdError} `invalid_request`
 */
export async function readBody(request: Request, options: BodyOptions): Promise<Record<string, unknown>> {
  const value = await readJson(request, options);
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("body", value, "a JSON object");
  }
  return value;
}

/** How bodies are read. */
export interface BodyOptions {
  /** The longest one, in bytes. */
  maxBytes: number;
  /** Time. */
  clock: Clock;
}

/** The JSON in a body, whatever it is; undefined for an empty body. @throws as {@linkcode readBody} */
export async function readJson(
  request: Request,
  { maxBytes, clock }: BodyOptions,
): Promise<Json | undefined> {
  const bytes = await readBytes(request, maxBytes, clock);
  if (bytes.length === 0) return undefined;
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  // A form on a page of somebody else cannot send this type.
  if (type !== "application/json") {
    throw new Refusal(
      "unsupported_media_type",
      `A body must be application/json, not ${JSON.stringify(type)}`,
    );
  }
  return parseJson("body", textOf(bytes));
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new JobdError("invalid_request", "Invalid body: it is not UTF-8", { cause: error });
  }
}

async function readBytes(request: Request, maxBytes: number, clock: Clock): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  // To ask for the stream would make it, and a body that is read at once needs none.
  if (declared === null && request.body === null) return new Uint8Array();
  if (Number(declared ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(ARRIVAL_MS, () => {
    late.reject(new Refusal("request_timeout", `The body took longer than ${ARRIVAL_MS} ms`));
  });
  try {
    // The server takes no more than was declared, so that it can be read at once, which is much faster.
    const all = declared === null && request.body !== null
      ? pieces(request.body, late.promise, maxBytes)
      : request.bytes();
    const bytes = await Promise.race([all, late.promise]);
    if (bytes.length > maxBytes) throw tooLarge(maxBytes);
    return bytes;
  } finally {
    cancel();
  }
}

/** A body of which nobody knows how long it is. */
async function pieces(
  body: ReadableStream<Uint8Array>,
  late: Promise<never>,
  maxBytes: number,
): Promise<Uint8Array> {
  const reader = body.getReader();
  try {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const read = await Promise.race([reader.read(), late]);
      if (read.done) return joined(parts, size);
      size += read.value.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      parts.push(read.value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error;
  }
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal("body_too_large", `The body is longer than ${maxBytes} bytes`, {
    hint: "Keep large data elsewhere and pass its address; send many jobs in parts.",
  });
}
