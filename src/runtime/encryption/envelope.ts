import type { Json } from "../../domain/json.ts";
import { fromBase64, toBase64 } from "./base64.ts";

/** Encrypted JSON as it is stored in the place of what it holds. */
export type Envelope = {
  /** In base64: a nonce of 12 bytes, then ciphertext and tag of AES-GCM. */
  $encrypted: string;
};

/** Whether JSON is an {@linkcode Envelope}. Only parts of jobs that are marked as encrypted are asked, so nobody can forge one. */
export function isEnvelope(value: Json | undefined): value is Envelope {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    typeof value["$encrypted"] === "string" && Object.keys(value).length === 1;
}

/** What of WebCrypto is used. */
export type Subtle = Pick<SubtleCrypto, "encrypt" | "decrypt" | "importKey" | "sign">;

/** A key, and who works with it. */
export interface Cipher {
  /** The key. */
  readonly key: CryptoKey;
  /** WebCrypto. */
  readonly subtle: Subtle;
}

const NONCE_BYTES = 12;

/** Encrypts JSON; it opens only with the same key and the same words about its place. */
export async function sealJson(value: Json, place: readonly string[], by: Cipher): Promise<Envelope> {
  return { $encrypted: await sealBytes(new TextEncoder().encode(JSON.stringify(value)), place, by) };
}

/** What an envelope holds; rejects when the key or the place is another one, or it was changed. */
export async function openJson(
  { $encrypted }: Envelope,
  place: readonly string[],
  by: Cipher,
): Promise<Json> {
  return JSON.parse(new TextDecoder().decode(await openBytes($encrypted, place, by))) as Json;
}

/** Encrypts bytes, as base64 with the nonce. */
export async function sealBytes(
  bytes: Uint8Array<ArrayBuffer>,
  place: readonly string[],
  by: Cipher,
): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const data = new Uint8Array(await by.subtle.encrypt(algorithm(nonce, place), by.key, bytes));
  const all = new Uint8Array(NONCE_BYTES + data.length);
  all.set(nonce);
  all.set(data, NONCE_BYTES);
  return toBase64(all);
}

/** The bytes; rejects as {@linkcode openJson} does. */
export async function openBytes(
  text: string,
  place: readonly string[],
  by: Cipher,
): Promise<Uint8Array<ArrayBuffer>> {
  const all = fromBase64(text);
  const algorithmHere = algorithm(all.slice(0, NONCE_BYTES), place);
  return new Uint8Array(await by.subtle.decrypt(algorithmHere, by.key, all.slice(NONCE_BYTES)));
}

function algorithm(iv: Uint8Array<ArrayBuffer>, place: readonly string[]): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(JSON.stringify(place)) };
}
