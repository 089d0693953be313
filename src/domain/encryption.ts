/**
 * How a job is stored encrypted: payload, result and steps with a key of its own, which is stored here, itself encrypted with
 * a key of the program. So another key of the program needs nothing but this to be written anew.
 */
export interface Encryption {
  /** The id of the program's key. */
  key: string;
  /** The job's own key, encrypted with that: in base64 a nonce of 12 bytes, then ciphertext and tag of AES-GCM. */
  wrapped: string;
}

/** What stands for a payload or a result that cannot be read here. */
export const ENCRYPTED = "[encrypted]";

/** Whether a job is stored with exactly this key. */
export function isSame(one: Encryption | undefined, other: Encryption): boolean {
  return one?.key === other.key && one.wrapped === other.wrapped;
}
