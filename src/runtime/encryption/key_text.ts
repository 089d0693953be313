import { fromBase64 } from "./base64.ts";

/** Bytes of a key given as text. */
export const KEY_BYTES = 32;
/** Ids of keys. */
export const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;

/** The bytes of a key given as text; undefined when it is none. */
export function keyBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = fromBase64(text);
    return bytes.length === KEY_BYTES ? bytes : undefined;
  } catch {
    return undefined;
  }
}
