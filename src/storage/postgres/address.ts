import { JobdError, show } from "../../domain/errors.ts";

/** Where a database is: one or several servers that should be the same database. */
export interface Address {
  /** One URL a server, in the order in which they are tried. */
  urls: string[];
  /** `host:port[,host:port]/database`, for people: no user, no password. */
  location: string;
}

const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"];
/** Modes that the client library takes for `verify-full`, with a warning on stderr that a later version of it may not. */
const VERIFYING = ["prefer", "require", "verify-ca"];
const SHAPE = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;

/**
 * Reads a URL with one or several hosts: `postgres://user:password@one:5432,two:5432/database?sslmode=require`.
 *
 * @throws {JobdError} `invalid_config`; the message never holds the URL, which may hold a password.
 */
export function parseAddress(url: string): Address {
  const match = SHAPE.exec(url);
  if (match === null) {
    throw new JobdError(
      "invalid_config",
      "Invalid PostgreSQL URL: it has not the form postgres://user:password@host:port/database",
      {
        hint: "Characters such as @ : / ? # inside the password must be percent-encoded.",
      },
    );
  }
  const [, credentials, hosts = "", database = "", query] = match;
  const tail = `/${database}${query === undefined ? "" : `?${withEncryption(query)}`}`;
  const urls = hosts.split(",").map((host) => {
    checkHost(host);
    return `postgres://${credentials === undefined ? "" : `${credentials}@`}${host}${tail}`;
  });
  return { urls, location: `${hosts === "" ? "(local socket)" : hosts}/${decode(database)}` };
}

/** The client library would repeat the whole URL, password and all, in its own words. */
function checkHost(host: string): void {
  const [, , , port] = /^([^\s:[\]]*|\[[0-9a-fA-F:.]+\])(:(\d{1,5}))?$/.exec(host) ??
    refuse(host, "host or host:port");
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    refuse(host, "host:port with a port from 1 to 65535");
  }
  if (host !== "" && !URL.canParse(`postgres://${host}/`)) refuse(host, "host or host:port");
}

/**
 * The query with an unambiguous sslmode. The client library takes what it does not know for a wish to encrypt. Whoever
 * asks for encryption gets a verified peer, as before, unless the URL says `uselibpqcompat=true` or `no-verify`.
 */
function withEncryption(query: string): string {
  const params = new URLSearchParams(query);
  const mode = params.getAll("sslmode").at(-1);
  if (mode === undefined) return query;
  if (!SSL_MODES.includes(mode)) refuse(mode, `an sslmode: one of ${SSL_MODES.join(", ")}`);
  if (!VERIFYING.includes(mode) || params.get("uselibpqcompat") === "true") return query;
  params.set("sslmode", "verify-full");
  return params.toString();
}

function refuse(value: string, allowed: string): never {
  throw new JobdError("invalid_config", `Invalid PostgreSQL URL: ${show(value)} is not ${allowed}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
