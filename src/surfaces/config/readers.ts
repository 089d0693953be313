import { parseDuration } from "../../domain/duration.ts";
import { parseKept } from "../../domain/retention.ts";
import { type ErrorCode, JobdError, show } from "../../domain/errors.ts";
import { RedactedKeys, SECRET_KEYS } from "../../domain/redacted_keys.ts";
import { checkName } from "../../domain/names.ts";
import { KEY_ID, keyBytes } from "../../runtime/encryption/key_text.ts";
import type { QueueChoice } from "../../runtime/queue_order.ts";

/** Reads one value that a person wrote: as text in a flag or a variable, as text or JSON in a config file. */
export interface Reader<T> {
  /** What is allowed, as it ends the sentence "... is not". */
  readonly allowed: string;
  /** All allowed values, when they are few; for completions and help. */
  readonly choices?: readonly string[];
  /** Whether the value may hold a password and must not be shown. */
  readonly secret?: boolean;
  /** The value; undefined, or any error thrown, means that it is not allowed. */
  read(value: unknown): T | undefined;
}

/**
 * Reads a value with a reader.
 *
 * @throws {JobdError} with `code`, naming where the value stands, the value and what is allowed
 */
export function readValue<T>(reader: Reader<T>, value: unknown, where: string, code: ErrorCode): T {
  let result: T | undefined;
  let hint: string | undefined;
  try {
    result = reader.read(value);
  } catch (error) {
    if (error instanceof JobdError) hint = error.hint;
  }
  if (result !== undefined) return result;
  const shown = reader.secret ? "the value" : show(value);
  throw new JobdError(
    code,
    `${where}: ${shown} is not ${reader.allowed}`,
    hint === undefined ? {} : { hint },
  );
}

/** A whole number in a range. */
export function integer(min: number, max: number): Reader<number> {
  return {
    allowed: `an integer from ${min} to ${max}`,
    read(value) {
      const number = typeof value === "string" && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
      return Number.isInteger(number) && (number as number) >= min && (number as number) <= max
        ? number as number
        : undefined;
    },
  };
}

/** A length of time, in milliseconds once it is read. `min` and `max` are written like durations. */
export function duration(min = "0s", max = "100 years"): Reader<number> {
  const from = parseDuration(min);
  const to = max === "100 years" ? Infinity : parseDuration(max);
  return {
    allowed: `a duration from ${min} to ${max}`,
    read(value) {
      if (typeof value !== "string" && typeof value !== "number") return undefined;
      const ms = parseDuration(value);
      return ms >= from && ms <= to ? ms : undefined;
    },
  };
}

/** How long something is kept, in milliseconds once it is read. */
export const kept: Reader<number> = {
  allowed: 'a duration from 0s to 100 years, or "forever"',
  read: (value) => typeof value === "string" || typeof value === "number" ? parseKept(value) : undefined,
};

/** One of a few words. */
export function choice<T extends string>(choices: readonly T[]): Reader<T> {
  return {
    allowed: `one of ${choices.join(", ")}`,
    choices,
    read: (value) => choices.find((word) => word === value),
  };
}

/** Any text but the empty one. */
export const text: Reader<string> = {
  allowed: "a text of at least one character",
  read: (value) => typeof value === "string" && value !== "" ? value : undefined,
};

/** Any text, also the empty one. */
export const anyText: Reader<string> = {
  allowed: "a text",
  read: (value) => typeof value === "string" ? value : undefined,
};

/** True or false. */
export const boolean: Reader<boolean> = {
  allowed: "true or false",
  read: (value) => typeof value === "boolean" ? value : undefined,
};

/** The name of a queue, a type or a namespace. */
export function nameOf(what: string): Reader<string> {
  return {
    allowed: `a ${what} name: 1 to 127 letters, digits or _ . : / -, the first a letter, digit or _`,
    read: (value) => checkName(what, value),
  };
}

/** Where the jobs are. */
export const storeUrl: Reader<string> = {
  allowed: "a store URL: sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST:PORT/DATABASE",
  secret: true,
  read: (value) =>
    typeof value === "string" && /^(?:sqlite:.|postgres(?:ql)?:\/\/.)/.test(value) ? value : undefined,
};

/** A PostgreSQL connection. */
export const postgresUrl: Reader<string> = {
  allowed: "a PostgreSQL URL: postgres://USER:PASSWORD@HOST:PORT/DATABASE",
  secret: true,
  read: (value) => typeof value === "string" && /^postgres(?:ql)?:\/\/./.test(value) ? value : undefined,
};

/** Which queues a worker serves: `*`, a list in order of preference, or weights. */
export const queueChoice: Reader<QueueChoice> = {
  allowed:
    "* for all queues, an ordered list such as high,default, or weights from 1 to 1000 such as high=6,default=1",
  read(value) {
    if (value === "*") return "all";
    const items = typeof value === "string" ? value.split(",").map((item) => item.trim()) : value;
    if (Array.isArray(items)) {
      return items.some((item) => String(item).includes("=")) ? weights(items) : names(items);
    }
    return typeof items === "object" && items !== null ? weighted(Object.entries(items)) : undefined;
  },
};

/** Files and patterns of files. */
export const fileList: Reader<string[]> = {
  allowed: "a list of files or patterns such as jobs/*.ts",
  read(value) {
    const items = typeof value === "string" ? value.split(",").map((item) => item.trim()) : value;
    return Array.isArray(items) && items.length > 0 &&
        items.every((item) => typeof item === "string" && item !== "")
      ? items
      : undefined;
  },
};

/** Names of hosts, without ports. */
export const hostList: Reader<string[]> = {
  allowed: "a list of host names without ports, such as jobs.example.com,jobd",
  read(value) {
    const items = typeof value === "string" ? value.split(",").map((item) => item.trim()) : value;
    return Array.isArray(items) && items.length > 0 &&
        items.every((item) => typeof item === "string" && /^(?:[a-z0-9.-]+|\[[0-9a-f:]+\])$/i.test(item))
      ? items
      : undefined;
  },
};

/** Names of keys that are not shown: a list in place of the usual ones, more of them after `+`, or `none`. */
export const keyNames: Reader<readonly string[]> = {
  allowed: "a list of names such as password,apiKey, or +iban to add to the usual ones, or none",
  read(value) {
    if (value === "none") return [];
    const more = typeof value === "string" && value.startsWith("+");
    const items = typeof value === "string"
      ? value.slice(more ? 1 : 0).split(",").map((name) => name.trim())
      : value;
    if (!Array.isArray(items) || items.length === 0) return undefined;
    const names = more ? [...SECRET_KEYS, ...items] : items;
    return RedactedKeys.of(names) === undefined ? undefined : names;
  },
};

/** Names separated by commas. */
export function nameList(what: string): Reader<string[]> {
  return {
    allowed: `a list of ${what} names separated by commas`,
    read: (value) =>
      typeof value === "string" ? names(value.split(",").map((item) => item.trim()), what) : undefined,
  };
}

function names(items: unknown[], what = "queue"): string[] | undefined {
  const list = items.map((item) => checkName(what, item));
  return list.length > 0 && new Set(list).size === list.length ? list : undefined;
}

function weights(items: unknown[]): Record<string, number> | undefined {
  return weighted(items.map((item) => {
    const [name = "", weight = ""] = String(item).split("=", 2);
    return [name.trim(), weight.trim()];
  }));
}

function weighted(entries: [string, unknown][]): Record<string, number> | undefined {
  const result: Record<string, number> = Object.create(null);
  for (const [name, value] of entries) {
    const weight = integer(1, 1000).read(value);
    if (weight === undefined || name in result) return undefined;
    result[checkName("queue", name)] = weight;
  }
  return entries.length > 0 ? { ...result } : undefined;
}

/** Keys by id; the first one encrypts, all decrypt. */
export const encryptionKeys: Reader<{ keys: Record<string, string>; current: string }> = {
  allowed:
    "a list ID:KEY,ID:KEY of distinct ids (1 to 32 letters, digits, _ or -), each key 32 bytes in base64",
  secret: true,
  read(value) {
    if (typeof value !== "string") return undefined;
    const keys: Record<string, string> = {};
    for (const item of value.split(",")) {
      const [id = "", key = "", ...rest] = item.trim().split(":");
      if (!KEY_ID.test(id) || keyBytes(key) === undefined || rest.length > 0 || Object.hasOwn(keys, id)) {
        return undefined;
      }
      keys[id] = key;
    }
    const [current] = Object.keys(keys);
    return current === undefined ? undefined : { keys, current };
  },
};

/** One key. */
export const encryptionKey: Reader<string> = {
  allowed: "32 bytes in base64",
  secret: true,
  read: (value) => typeof value === "string" && keyBytes(value) !== undefined ? value : undefined,
};

/** Types separated by commas, or all. */
export const typeChoice: Reader<string[] | "all"> = {
  allowed: "* for all types, or a list of type names separated by commas",
  read: (value) => value === "*" ? "all" : nameList("type").read(value),
};
