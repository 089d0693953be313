import type { Json } from "./json.ts";
import { RedactedKeys, SECRET_KEYS } from "./redacted_keys.ts";
import type { Role } from "./role.ts";
import { isToken } from "./wait_token.ts";

/** By what somebody does something. */
export type Surface = "library" | "cli" | "http" | "mcp";
/** All of them. */
export const SURFACES = ["library", "cli", "http", "mcp"] as const satisfies readonly Surface[];

/** Who does something, and from where; null where that is not known. */
export interface Actor {
  /** By what. */
  surface: Surface;
  /** The id of the token. */
  token: string | null;
  /** What the token is for, the user of the machine, or the name that a program gives itself. */
  name: string | null;
  /** The role of the token. */
  role: Role | null;
  /** The address of the other side. */
  address: string | null;
  /** Names the request in logs and answers. */
  requestId: string | null;
}

/** Something that an operator did, or tried to do. */
export interface NewAuditEntry extends Actor {
  /** When it ended, epoch milliseconds by the store's clock. */
  at: number;
  /** The tenant as whom. */
  namespace: string;
  /** What: `jobs.cancel`, `queues.update`. */
  operation: string;
  /** With what: ids, filters and settings by name, without anything that may be secret. */
  input: Json;
  /** What an operation that changes or removes one thing found there just before, written likewise; else null. */
  before: Json;
  /** `done`, or the code of the error. */
  outcome: string;
  /** How many it succeeded for and so on, by name; the id of what it made. */
  result: { [name: string]: number | string };
  /** The message of the error. */
  error: string | null;
}

/** {@linkcode NewAuditEntry} as it is stored. */
export interface AuditEntry extends NewAuditEntry {
  /** Grows; later ones have higher ids. */
  id: number;
}

/** The outcome of what was done. */
export const DONE = "done";

/** Somebody of whom only some is known. */
export function actorOf(known: Partial<Actor> = {}): Actor {
  return {
    surface: "library",
    token: null,
    name: null,
    role: null,
    address: null,
    requestId: null,
    ...known,
  };
}

const OMITTED = "[omitted]";
/** Data of jobs, of which nobody knows how secret it is: an audit log is kept longer, and read by others, than the jobs are. */
const DATA = ["payload", "result", "value", "error", "meta", "headers", "progress", "data"];
const SECRETS = RedactedKeys.of([...SECRET_KEYS, "token"]);

const TEXT_MAX = 300;
const ITEMS_MAX = 100;
const DEPTH_MAX = 6;
const BYTES_MAX = 16 * 1024;

/** What an operation was called with, as the audit log keeps it. */
export function auditInput(
  names: readonly string[],
  args: readonly unknown[],
  redactKeys: RedactedKeys | undefined,
): Json {
  return auditValue(Object.fromEntries(names.map((name, at) => [name, args[at]])), redactKeys);
}

/** Anything as the audit log keeps it: short, and without what may be secret. */
export function auditValue(value: unknown, redactKeys: RedactedKeys | undefined): Json {
  let plain: Json;
  try {
    // Through JSON first: what is no data, such as the function of a definition, goes.
    plain = shortened(JSON.parse(JSON.stringify(value, withoutSignals)) as Json, 0);
  } catch {
    return { omitted: "It is not JSON" };
  }
  plain = SECRETS?.without(plain) ?? plain;
  plain = redactKeys?.without(plain) ?? plain;
  const bytes = new TextEncoder().encode(JSON.stringify(plain)).length;
  return bytes <= BYTES_MAX ? plain : { omitted: `It has ${bytes} bytes` };
}

function withoutSignals(_: string, value: unknown): unknown {
  return value instanceof AbortSignal ? undefined : value;
}

/** What came of an operation, as the audit log keeps it: numbers, lengths of lists, and the id of something new. */
export function auditResult(result: unknown): NewAuditEntry["result"] {
  if (typeof result === "number") return { count: result };
  if (typeof result !== "object" || result === null) return {};
  const { counts: given, cancelled, deleted, id, jobId, token, ...lists } = result as Record<string, unknown>;
  // A report of very many lists the first of them and counts all.
  const { succeeded, failed } = (given ?? lists) as Record<string, unknown>;
  const counts = Object.entries({ succeeded, failed, cancelled, deleted }).map(([name, value]) =>
    [name, Array.isArray(value) ? value.length : value] as const
  );
  const made = id ?? jobId ?? (token as { id?: unknown } | null | undefined)?.id;
  return Object.fromEntries([
    ...counts.filter((pair): pair is [string, number] => typeof pair[1] === "number"),
    ...(typeof made === "string" ? [["id", made] as const] : []),
  ]);
}

function shortened(value: Json, depth: number): Json {
  if (typeof value === "string") return shortText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === DEPTH_MAX) return OMITTED;
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map((item) => shortened(item, depth + 1));
    return value.length > ITEMS_MAX ? [...items, `... ${value.length - ITEMS_MAX} more`] : items;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) =>
      [shortText(key), DATA.includes(key) ? OMITTED : shortened(item, depth + 1)] as const
    ),
  );
}

/** A text that both stores keep. The token of a wait lets whoever reads it answer. */
function shortText(text: string): string {
  if (isToken(text)) return OMITTED;
  const whole = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text;
  return whole.toWellFormed().replaceAll("\0", "\ufffd");
}
