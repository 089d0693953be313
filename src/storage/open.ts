import { JobdError } from "../domain/errors.ts";
import type { Driver } from "./driver.ts";
import { platform } from "./platform/here.ts";

/** Options of {@linkcode openDriver}. */
export interface OpenDriverOptions {
  /** PostgreSQL: a direct connection for LISTEN and session locks when the main one is a pooler. */
  listenUrl?: string;
  /** PostgreSQL: whether statements are prepared; false behind a pooler in transaction mode. @default true */
  preparedStatements?: boolean;
  /**
   * PostgreSQL: whether this process tells others by NOTIFY what it did; if not, they find it by polling. A worker's probe
   * of its session, one NOTIFY in 5 s, stays. @default true
   */
  notify?: boolean;
  /** PostgreSQL: a connection that does not answer for so long is given up, in milliseconds. @default 30000 */
  deadlineMs?: number;
}

/**
 * Opens a store by its URL: `sqlite:PATH`, `sqlite::memory:` or `postgres://...`. Loads only the backend it needs.
 * The schema is neither checked nor changed; see {@linkcode Driver.ready} and {@linkcode Driver.migrate}.
 *
 * @throws {JobdError} `invalid_config` for a URL that names no store; `store_unusable` where there is no SQLite
 */
export async function openDriver(url: string, options: OpenDriverOptions = {}): Promise<Driver> {
  if (url.startsWith("sqlite:")) {
    const path = url.slice("sqlite:".length).replace(/^\/\/(?=\/)/, "");
    if (path === "") throw badUrl("sqlite:", "it has no path");
    if (!platform.hasSqlite()) throw noSqlite();
    const { openSqlite } = await import("./sqlite/driver.ts");
    return openSqlite(path);
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import("./postgres/driver.ts");
    return openPostgres(url, options);
  }
  throw badUrl(withoutCredentials(url), "it is neither sqlite: nor postgres://");
}

function noSqlite(): JobdError {
  return new JobdError(
    "store_unusable",
    `This ${platform.name} has no SQLite: node:sqlite is missing or too old`,
    {
      hint: `Use a newer ${platform.name}, or a store in PostgreSQL.`,
    },
  );
}

function badUrl(shown: string, reason: string): JobdError {
  return new JobdError("invalid_config", `Invalid store URL ${JSON.stringify(shown)}: ${reason}`, {
    hint: 'Use "sqlite:jobd.db" for a file, or "postgres://user:password@host:5432/database".',
  });
}

/** A store URL as it may be shown: user name and password left out. */
export function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//").replace(/([?&](?:password|user)=)[^&]*/gi, "$1...");
}
