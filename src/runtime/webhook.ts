import type { Clock } from "../domain/clock.ts";
import { type Duration, parseDuration } from "../domain/duration.ts";
import { JobdError } from "../domain/errors.ts";
import { system } from "../storage/system.ts";
import { fromBase64, toBase64 } from "./encryption/base64.ts";
import type { WebCryptoKey } from "./encryption/keys.ts";

/** What the headers of a signed message say (Standard Webhooks). */
export type WebhookHeaders = Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>;

/** What is signed. */
export interface WebhookMessage {
  /** Names the message; the same whenever it is sent again, so that its reader can tell. */
  id: string;
  /** When it is sent, epoch milliseconds. */
  at: number;
  /** The body, exactly as it is sent. */
  body: string;
}

/** Options of {@linkcode verifyWebhook}. */
export interface VerifyWebhookOptions {
  /** The body, exactly as it came: text that was parsed and written anew is another one. */
  body: string;
  /** The headers of the request. */
  headers: { get(name: string): string | null };
  /** The secrets, `whsec_` and base64: while they change there are several. */
  secrets: string | readonly string[];
  /** How old, or how far ahead, a message may be. @default "5m" */
  tolerance?: Duration;
  /** Time. @default the time of this machine */
  clock?: Pick<Clock, "now">;
}

const PREFIX = "whsec_";
/** Bytes of a secret; shorter ones can be guessed. */
const SECRET_MIN = 24;
const SECRET_MAX = 64;
/** Signatures of one message that are looked at. */
const SIGNATURES_MAX = 16;

/**
 * Checks that a message comes from somebody who knows one of the secrets, as the `http` handler and many services sign
 * them (Standard Webhooks), and that it is not an old one. Who must not act twice remembers the id for the tolerance.
 *
 * @example
 * ```ts
 * import { verifyWebhook } from "@jobd/jobd";
 *
 * async function receive(request: Request): Promise<Response> {
 *   const body = await request.text();
 *   const secrets = ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
 *   const { id } = await verifyWebhook({ body, headers: request.headers, secrets });
 *   return Response.json({ seen: id, order: JSON.parse(body) });
 * }
 * ```
 *
 * @returns its id and when it was sent, epoch milliseconds
 * @throws {JobdError} `permission_denied` when it is not signed so, or too old; `invalid_config` for a wrong secret
 */
export async function verifyWebhook(
  { body, headers, secrets, tolerance = "5m", clock = system }: VerifyWebhookOptions,
): Promise<{ id: string; at: number }> {
  const id = headers.get("webhook-id") ?? "";
  const timestamp = headers.get("webhook-timestamp") ?? "";
  const given = (headers.get("webhook-signature") ?? "").split(" ").slice(0, SIGNATURES_MAX);
  if (id === "" || !/^\d{1,12}$/.test(timestamp)) throw refused("it has no webhook-id or webhook-timestamp");
  const at = Number(timestamp) * 1_000;
  const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signatures = given.map(signatureBytes).filter((bytes) => bytes !== undefined);
  for (const secret of typeof secrets === "string" ? [secrets] : secrets) {
    const key = await keyOf(secret, "verify");
    for (const signature of signatures) {
      // Web Crypto compares in a time that does not tell how much was right.
      if (!await crypto.subtle.verify("HMAC", key, signature, content)) continue;
      if (Math.abs(clock.now() - at) <= parseDuration(tolerance, "tolerance")) return { id, at };
      throw refused(`it was sent at ${new Date(at).toISOString()}, which is too far from now`);
    }
  }
  throw refused("no signature of it fits");
}

/** The headers that sign a message, with one signature for each secret. @throws {JobdError} `invalid_config` */
export async function signWebhook(
  { id, at, body }: WebhookMessage,
  secrets: readonly string[],
): Promise<WebhookHeaders> {
  const timestamp = String(Math.floor(at / 1_000));
  const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signatures = await Promise.all(secrets.map(async (secret) => {
    const bytes = await crypto.subtle.sign("HMAC", await keyOf(secret, "sign"), content);
    return `v1,${toBase64(new Uint8Array(bytes))}`;
  }));
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}

/** The bytes of a secret. @throws {JobdError} `invalid_config`, without the secret itself */
export function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = secret.startsWith(PREFIX) ? decoded(secret.slice(PREFIX.length)) : undefined;
  if (bytes !== undefined && bytes.length >= SECRET_MIN && bytes.length <= SECRET_MAX) return bytes;
  throw new JobdError(
    "invalid_config",
    `The secret is not ${PREFIX} and ${SECRET_MIN} to ${SECRET_MAX} bytes in base64`,
    { hint: `Make one: echo "${PREFIX}$(openssl rand -base64 32)".` },
  );
}

function keyOf(secret: string, use: "sign" | "verify"): Promise<WebCryptoKey> {
  return crypto.subtle.importKey("raw", secretBytes(secret), { name: "HMAC", hash: "SHA-256" }, false, [use]);
}

function signatureBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  return text.startsWith("v1,") ? decoded(text.slice(3)) : undefined;
}

function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return fromBase64(text);
  } catch {
    return undefined;
  }
}

function refused(why: string): JobdError {
  return new JobdError("permission_denied", `The message cannot be trusted: ${why}`);
}
