import { JobdError } from "../../domain/errors.ts";

/** Where a database is: one or several servers that should be the same database. */
export interface Address {
  /** One URL a server, in the order in which they are tried. */
  urls: string[];
  /** `host:port[,host:port]/database`, for people: no user, no password. */
  location: string;
}

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
  const tail = `/${database}${query === undefined ? "" : `?${query}`}`;
  const urls = hosts.split(",").map((host) => {
    if (!/^([^\s:[\]]*|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.test(host)) {
      throw new JobdError(
        "invalid_config",
        `Invalid PostgreSQL URL: ${JSON.stringify(host)} is not host or host:port`,
      );
    }
    return `postgres://${credentials === undefined ? "" : `${credentials}@`}${host}${tail}`;
  });
  return { urls, location: `${hosts === "" ? "(local socket)" : hosts}/${decode(database)}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
