/**
 * A UUID of version 7 (RFC 9562 §5.7): 48 bits of time, then chance. Ids sort by the millisecond in which they were
 * made, and a producer can repeat an insert whose reply was lost because it made the id itself.
 *
 * @param now epoch milliseconds
 * @param random 16 random bytes
 */
export function uuidv7(now: number, random: Uint8Array): string {
  const bytes = random.slice(0, 16);
  let rest = now;
  for (let at = 5; at >= 0; at--) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  let hex = "";
  for (const byte of bytes) hex += HEX[byte];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID in lower-case canonical form. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
