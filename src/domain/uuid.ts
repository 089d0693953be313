import { sha256 } from "./sha256.ts";

/**
 * A UUID of version 7 (RFC 9562 §5.7): 48 bits of time, then chance. Ids sort by the millisecond in which they were
 * made, and a producer can repeat an insert whose reply was lost because it made the id itself.
 *
 * @param now epoch milliseconds
 * @param random 16 random bytes
 */
export function uuidv7(now: number, random: Uint8Array): string {
  const time = now.toString(16).padStart(12, "0");
  const hex = (at: number): string => HEX[random[at] ?? 0] ?? "";
  const version = HEX[((random[6] ?? 0) & 0x0f) | 0x70];
  const variant = HEX[((random[8] ?? 0) & 0x3f) | 0x80];
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(7)}-${variant}${hex(9)}-` +
    `${hex(10)}${hex(11)}${hex(12)}${hex(13)}${hex(14)}${hex(15)}`;
}

/** A UUID of version 8 (RFC 9562 §5.8) that follows from a text: 122 bits of its SHA-256. */
export function uuidOf(text: string): string {
  const hash = sha256(text);
  const variant = HEX[(parseInt(hash.slice(16, 18), 16) & 0x3f) | 0x80];
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(18, 20)}-` +
    hash.slice(20, 32);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID in lower-case canonical form. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
