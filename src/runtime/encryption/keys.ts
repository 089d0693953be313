import { JobdError, show } from "../../domain/errors.ts";
import type { Cipher, Subtle } from "./envelope.ts";
import { KEY_BYTES, KEY_ID, keyBytes } from "./key_text.ts";

/** WebCrypto, by whatever name the types of the runtime call it. */
export type WebCrypto = typeof crypto.subtle;
/** A key of WebCrypto. */
export type WebCryptoKey = Awaited<ReturnType<WebCrypto["unwrapKey"]>>;

/** Keys for payloads and results, and which jobs are encrypted; option of `Jobd.open`. */
export interface EncryptionOptions {
  /** Keys by id (1 to 32 letters, digits, _ or -): 32 bytes in base64, or keys of WebCrypto for AES-GCM. All decrypt. */
  keys: { readonly [id: string]: string | WebCryptoKey };
  /** The id of the key that encrypts. */
  current: string;
  /** Types whose jobs are always encrypted, besides jobs that ask for it. @default none */
  types?: readonly string[] | "all";
  /**
   * The key of the hashes by which encrypted jobs are unique by their payload or fields of it: 32 bytes in base64, or a key of
   * WebCrypto for HMAC. It stays when the others change: with another one, jobs that are stored already are not recognised.
   * @default none: such jobs are refused
   */
  uniqueKey?: string | WebCryptoKey;
  /** WebCrypto; tests give their own. @default the system's */
  subtle?: Pick<WebCrypto, "encrypt" | "decrypt" | "importKey" | "sign">;
}

/** The keys, read. */
export interface Keys {
  /** Those that encrypt and decrypt. */
  readonly byId: ReadonlyMap<string, Cipher>;
  /** Which one encrypts. */
  readonly current: string | undefined;
  /** The one for hashes. */
  readonly unique: Cipher | undefined;
  /** Who works with them. */
  readonly subtle: Subtle;
}

const HINT = "Make a key with `openssl rand -base64 32`.";

/** Reads the keys. @throws {JobdError} `invalid_config` naming the key, never its value */
export async function readKeys(options?: EncryptionOptions): Promise<Keys> {
  const { subtle } = crypto;
  if (options === undefined) return { byId: new Map(), current: undefined, unique: undefined, subtle };
  return await readOptions({ subtle, ...options });
}

async function readOptions(options: EncryptionOptions & { subtle: Subtle }): Promise<Keys> {
  const { keys = {}, current, uniqueKey, subtle } = options;
  const byId = new Map<string, Cipher>();
  for (const [id, key] of Object.entries(keys)) {
    byId.set(checkId(id), { key: await cipherKey(id, key, subtle), subtle });
  }
  if (!byId.has(current)) {
    const known = [...byId.keys()].join(", ") || "no keys";
    throw bad(`The current encryption key ${show(current)} is none of ${known}`);
  }
  const unique = uniqueKey === undefined ? undefined : { key: await hashKey(uniqueKey, subtle), subtle };
  return { byId, current, unique, subtle };
}

function checkId(id: string): string {
  if (KEY_ID.test(id)) return id;
  throw bad(`Invalid id of an encryption key: ${show(id)}`, "It has 1 to 32 letters, digits, _ or -.");
}

async function cipherKey(id: string, key: string | WebCryptoKey, subtle: Subtle): Promise<CryptoKey> {
  const usages: KeyUsage[] = ["encrypt", "decrypt"];
  if (typeof key !== "string") {
    if (isKey(key, "AES-GCM", usages)) return key;
    throw bad(`Encryption key ${id} is no key of WebCrypto that encrypts and decrypts by AES-GCM`, HINT);
  }
  return await subtle.importKey("raw", bytesOf(`Encryption key ${id}`, key), "AES-GCM", false, usages);
}

async function hashKey(key: string | WebCryptoKey, subtle: Subtle): Promise<CryptoKey> {
  if (typeof key !== "string") {
    if (isKey(key, "HMAC", ["sign"])) return key;
    throw bad("The unique key of encryption is no key of WebCrypto that signs by HMAC", HINT);
  }
  const bytes = bytesOf("The unique key of encryption", key);
  return await subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

function bytesOf(name: string, text: string): Uint8Array<ArrayBuffer> {
  const bytes = keyBytes(text);
  if (bytes === undefined) throw bad(`${name} is not ${KEY_BYTES} bytes in base64`, HINT);
  return bytes;
}

function isKey(key: CryptoKey, algorithm: string, usages: readonly KeyUsage[]): boolean {
  return key instanceof CryptoKey && key.algorithm.name === algorithm &&
    usages.every((usage) => key.usages.includes(usage));
}

function bad(message: string, hint?: string): JobdError {
  return new JobdError("invalid_config", message, hint === undefined ? {} : { hint });
}
