import { type Duration, parseDuration } from "./duration.ts";
import { invalid, JobdError } from "./errors.ts";
import { parseInstant } from "./instant.ts";
import { checkName } from "./names.ts";
import { type Role, ROLES } from "./role.ts";
import { sha256 } from "./sha256.ts";
import { checkText } from "./text.ts";

/** What a token is asked to be. */
export interface TokenOptions {
  /** What it may do. */
  role: Role;
  /** The only tenant that it may see. @default all of them, which only an admin has */
  namespace?: string;
  /** The only queues that it may enqueue to or work on; for the roles enqueue and work. @default all */
  queues?: readonly string[];
  /** The only types that it may enqueue or work on; for the roles enqueue and work. @default all */
  types?: readonly string[];
  /** How long it is good for. @default until it is revoked */
  expiresIn?: Duration;
  /** Until when it is good; not together with `expiresIn`. */
  expiresAt?: Date | number | string;
}

/** A token as it is stored: the secret itself is not. Instants are epoch milliseconds. */
export interface Token {
  /** What operators know it by; also the beginning of the secret. */
  id: string;
  /** What it is for. */
  name: string;
  /** SHA-256 of the secret, in hex. */
  hash: string;
  /** What it may do. */
  role: Role;
  /** The only tenant; null for all. */
  namespace: string | null;
  /** The only queues; null for all. */
  queues: string[] | null;
  /** The only types; null for all. */
  types: string[] | null;
  /** When it was made. */
  createdAt: number;
  /** Until when it is good; null for ever. */
  expiresAt: number | null;
  /** When it was taken back; null while it was not. */
  revokedAt: number | null;
}

/** So that tools that look for secrets in repositories and logs find it. */
const PREFIX = "jobd_";
const ID_LENGTH = 8;
/** 256 bits in base64url. */
const SECRET_LENGTH = 43;
const FORM = new RegExp(`^${PREFIX}[A-Za-z0-9]{${ID_LENGTH}}_[A-Za-z0-9_-]{${SECRET_LENGTH}}$`);
const ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/** Chance and time for {@linkcode newToken}. */
export interface TokenContext {
  /** The store's time, epoch milliseconds. */
  now: number;
  /** So many random bytes from a source that nobody can predict. */
  bytes(count: number): Uint8Array;
}

/**
 * Makes a token and its secret, which nobody can find out later.
 *
 * @throws {JobdError} `invalid_request` naming what is wrong
 */
export function newToken(
  name: string,
  options: TokenOptions,
  { now, bytes }: TokenContext,
): { token: Token; secret: string } {
  const { role, namespace, queues, types } = options;
  if (!ROLES.includes(role)) throw invalid("role", role, `one of ${ROLES.join(", ")}`);
  if ((queues !== undefined || types !== undefined) && role !== "enqueue" && role !== "work") {
    throw new JobdError(
      "invalid_request",
      `A token of role ${role} cannot be for some queues or types only`,
      {
        hint: "Tokens of the roles enqueue and work can.",
      },
    );
  }
  const id = Array.from(bytes(ID_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
  const secret = `${PREFIX}${id}_${base64url(bytes(32))}`;
  const token: Token = {
    id,
    name: checkText("token name", name, 128),
    hash: sha256(secret),
    role,
    namespace: namespace === undefined ? null : checkName("namespace", namespace),
    queues: names("queue", queues),
    types: names("type", types),
    createdAt: now,
    expiresAt: expiry(options, now),
    revokedAt: null,
  };
  return { token, secret };
}

/** What finds the token of a secret; undefined for a text that is none, which need not be looked for. */
export function hashOf(secret: string): string | undefined {
  return FORM.test(secret) ? sha256(secret) : undefined;
}

/** Whether it is good at a time. */
export function isGood(token: Pick<Token, "revokedAt" | "expiresAt">, now: number): boolean {
  return token.revokedAt === null && (token.expiresAt === null || now < token.expiresAt);
}

function names(what: string, given: readonly string[] | undefined): string[] | null {
  if (given === undefined) return null;
  if (given.length === 0) throw invalid(`list of ${what}s`, given, "a list with one name or more");
  return [...new Set(given.map((one) => checkName(what, one)))];
}

function expiry({ expiresIn, expiresAt }: TokenOptions, now: number): number | null {
  if (expiresIn !== undefined && expiresAt !== undefined) {
    throw new JobdError("invalid_request", "A token cannot have both a time to live and an end");
  }
  const at = expiresIn !== undefined
    ? now + parseDuration(expiresIn, "expiresIn")
    : expiresAt === undefined
    ? null
    : parseInstant(expiresAt, "expiresAt");
  if (at !== null && at <= now) throw invalid("end of the token", expiresAt ?? expiresIn, "in the future");
  return at;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
