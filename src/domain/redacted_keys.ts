import { invalid } from "./errors.ts";
import type { Json } from "./json.ts";
import { REDACTED } from "./secret_text.ts";

/** Names under which secrets usually are; commands and the HTTP API never show what is under them. */
export const SECRET_KEYS: readonly string[] = [
  "password",
  "passwd",
  "passphrase",
  "secret",
  "clientSecret",
  "authorization",
  "cookie",
  "setCookie",
  "apiKey",
  "accessToken",
  "refreshToken",
  "privateKey",
];

const NAMES_MAX = 256;

/** Names of keys whose values are not shown, however they are written: `apiKey`, `api_key` and `API-Key` are one. */
export class RedactedKeys {
  readonly #names: ReadonlySet<string>;

  /** Those for a list of names; undefined when it is empty. @throws {JobdError} `invalid_request` */
  static of(names: readonly string[]): RedactedKeys | undefined {
    const keys = new RedactedKeys(names);
    return keys.#names.size === 0 ? undefined : keys;
  }

  private constructor(names: readonly string[]) {
    const fits = (name: unknown): boolean => typeof name === "string" && plain(name) !== "";
    if (!Array.isArray(names) || names.length > NAMES_MAX || !names.every(fits)) {
      throw invalid("redactKeys", names, `a list of up to ${NAMES_MAX} names of keys such as "password"`);
    }
    this.#names = new Set(names.map(plain));
  }

  /** The document without what is under these names, at any depth. */
  without(value: Json): Json {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.without(item));
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, item]) => [key, this.#names.has(plain(key)) ? REDACTED : this.without(item)]),
    );
  }
}

/** The letters and digits of a name, in lower case. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_. ]/g, "");
}
