/** What every answer says to a browser: it is data, of no use in a page of somebody else, and not to be kept. */
export const BASE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** An answer up to so many bytes fits one packet: to compress it would cost time and save none. */
const SMALL = 1_200;
const encoder = new TextEncoder();
const JSON_HEADERS = { ...BASE_HEADERS, "content-type": "application/json" };
const SMALL_HEADERS = { ...JSON_HEADERS, "cache-control": "no-store, no-transform" };

/** An answer of JSON, with all its headers from the beginning: to add them later costs a busy server much more. */
export function jsonAnswer(value: unknown, status: number): Response {
  const bytes = encoder.encode(JSON.stringify(value));
  if (bytes.length > SMALL) return new Response(bytes, { status, headers: JSON_HEADERS });
  // A server that may compress does not tell the length by itself, since it may become another one.
  const headers = { ...SMALL_HEADERS, "content-length": String(bytes.length) };
  return new Response(bytes, { status, headers });
}

/** Adds what the answer does not say itself. */
export function addBaseHeaders({ headers }: Response): void {
  if (headers.has("x-content-type-options")) return;
  for (const [name, value] of Object.entries(BASE_HEADERS)) {
    if (!headers.has(name)) headers.set(name, value);
  }
}
