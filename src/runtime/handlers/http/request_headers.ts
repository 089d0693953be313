import { show } from "../../../domain/errors.ts";

const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
/** Printable ASCII: what every server reads in the same way. */
const VALUE = /^[\x20-\x7e\t]{0,4096}$/;
const MAX = 50;

/** What the request itself decides: where it goes, how long it is, how it is sent, and who signed it. */
const OWN = [
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
const OWN_PREFIXES = ["proxy-", "webhook-"];

/** Headers of a request with names in lower case, or what is wrong with them. Values are never shown: they may be secret. */
export function checkRequestHeaders(headers: unknown): Record<string, string> | string {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    return "headers must be an object of texts";
  }
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  if (given.length > MAX) return `there are more than ${MAX} headers`;
  const seen = new Set<string>();
  for (const [name, value] of given) {
    if (!NAME.test(name)) return `${show(name)} is not the name of a header`;
    if (OWN.includes(name) || OWN_PREFIXES.some((prefix) => name.startsWith(prefix))) {
      return `the header ${name} cannot be set`;
    }
    if (seen.has(name)) return `the header ${name} is there twice`;
    if (typeof value !== "string" || !VALUE.test(value)) {
      return `the value of the header ${name} is not printable ASCII of at most 4096 characters`;
    }
    seen.add(name);
  }
  return Object.fromEntries(given as (readonly [string, string])[]);
}

/** Names of headers that prove who sends. */
const SECRET_NAME = /authorization|cookie|key|token|secret|password|signature/;

/** Values that nobody may see, should an answer repeat them; of `Bearer TOKEN` the token by itself, too. */
export function secretValues(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).filter(([name]) => SECRET_NAME.test(name)).flatMap(([, value]) => [
    value,
    ...value.split(" ").slice(1),
  ]);
}
