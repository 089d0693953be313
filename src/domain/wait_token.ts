import { isUuid } from "./uuid.ts";

/** What tokens begin with, so that they are told from ids of jobs, and found by those who look for secrets. */
const PREFIX = "wait_";
const ID_BYTES = 16;
/** Of the authentication code; 160 bits cannot be guessed, and with the id it fills whole characters: each token has one spelling. */
const MAC_BYTES = 20;

/** What a token says. */
export interface WaitToken {
  /** The job. */
  jobId: string;
  /** What shows that the token was made for one of its waits. */
  mac: Uint8Array;
}

/**
 * The token of a wait: the job's id and an HMAC (RFC 2104, with SHA-256) over the wait, so that it is the same whenever it is
 * made, and nothing about it is stored.
 */
export async function makeToken(secret: string, jobId: string, name: string): Promise<string> {
  const mac = await macOf(secret, jobId, name);
  const bytes = [...hexBytes(jobId.replaceAll("-", "")), ...mac];
  const text = btoa(String.fromCharCode(...bytes));
  return PREFIX + text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Whether a text is meant to be a token. */
export function isToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Reads a token; undefined for a text that is none. */
export function readToken(token: string): WaitToken | undefined {
  if (!/^wait_[\w-]{48}$/.test(token)) return undefined;
  const text = atob(token.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  const hex = [...bytes.subarray(0, ID_BYTES)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const jobId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return isUuid(jobId) ? { jobId, mac: bytes.subarray(ID_BYTES) } : undefined;
}

/** Whether a token is that of a wait of its job; takes as long for one that nearly is. */
export async function isTokenOf(token: WaitToken, secret: string, name: string): Promise<boolean> {
  const mac = await macOf(secret, token.jobId, name);
  let difference = mac.length ^ token.mac.length;
  for (const [at, byte] of mac.entries()) difference |= byte ^ (token.mac[at] ?? 0);
  return difference === 0;
}

async function macOf(secret: string, jobId: string, name: string): Promise<Uint8Array> {
  const text = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", text.encode(secret), algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, text.encode(`${jobId}\n${name}`));
  return new Uint8Array(mac).subarray(0, MAC_BYTES);
}

function hexBytes(hex: string): number[] {
  return (hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
}
