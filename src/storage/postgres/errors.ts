import { JobdError, messageOf } from "../../domain/errors.ts";
import { isNotCapable } from "../platform/platform.ts";

/** SQLSTATE or system error code of anything that was thrown. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

/** Two transactions were in each other's way; the one that got this had no effect and can run again. */
export function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes(codeOf(error));
}

/** Something with the same key is there already; the statement had no effect. For what {@linkcode translate} gave. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof JobdError && codeOf(error.cause) === "23505";
}

/** The server cannot write: it is a standby, or was made read-only. Another server, or a later moment, may be better. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === "25006";
}

/** Something between us and the server gives each transaction another session: named statements get lost. */
export function isPooler(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "26000" || code === "42P05") return true;
  return code === "08P01" && /startup parameter/i.test(messageOf(error));
}

/** The connection is lost or in an unknown state and must not be used again. */
export function isDisconnect(error: unknown): boolean {
  const code = codeOf(error);
  // 25P03: the server ended a session that was silent within a transaction.
  if (/^[0-9A-Z]{5}$/.test(code)) return /^(08|57P|25P03)/.test(code);
  // The client library's own errors have no code; mistakes of a program are of a more special class.
  return code !== "" || (error instanceof Error && error.name === "Error");
}

/** No reply came in time; the client library has no code for it. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

const KNOWN: [RegExp, (what: Context) => JobdError][] = [
  [
    /^28/,
    ({ location, error }) =>
      new JobdError("permission_denied", `PostgreSQL at ${location} refused the login: ${messageOf(error)}`, {
        hint: "Check user name and password in the database URL, and pg_hba.conf on the server.",
        cause: error,
      }),
  ],
  [
    /^42501$/,
    ({ location, error }) =>
      new JobdError(
        "permission_denied",
        `PostgreSQL at ${location} refused an operation: ${messageOf(error)}`,
        {
          hint:
            "Grant the role the rights on the schema and its tables, or use the role that ran the migration.",
          cause: error,
        },
      ),
  ],
  [
    /^3D000$/,
    ({ location, error }) =>
      new JobdError("store_unavailable", `PostgreSQL at ${location} has no such database`, {
        hint: "Create it with `createdb`, or correct the name in the database URL.",
        cause: error,
      }),
  ],
  [/^(42P01|3F000|42703)$/, ({ location, schema, error }) => schemaMissing(location, schema, error)],
  [
    /^25006$/,
    ({ location, error }) =>
      new JobdError(
        "store_unavailable",
        `PostgreSQL at ${location} is read-only: it is a standby or was made read-only`,
        {
          hint: "Name the primary in the database URL; several hosts are allowed.",
          cause: error,
        },
      ),
  ],
  [
    /^53/,
    ({ location, error }) =>
      new JobdError("store_unavailable", `PostgreSQL at ${location} lacks resources: ${messageOf(error)}`, {
        hint: "See the disk space and max_connections of the server.",
        cause: error,
      }),
  ],
  [
    /^(40001|40P01|55P03|57014)$/,
    ({ location, error }) =>
      new JobdError(
        "store_unavailable",
        `PostgreSQL at ${location} gave up a statement: ${messageOf(error)}`,
        {
          hint: "It is tried again; if this stays, look for long transactions of other programs.",
          cause: error,
        },
      ),
  ],
];

interface Context {
  location: string;
  schema: string;
  error: unknown;
}

/** Turns anything that the client library threw into a {@linkcode JobdError}: the only place that does. */
export function translate(error: unknown, location: string, schema: string): JobdError {
  if (error instanceof JobdError) return error;
  const code = codeOf(error);
  const known = KNOWN.find(([pattern]) => pattern.test(code));
  if (known !== undefined) return known[1]({ location, schema, error });
  if (isNotCapable(error) && / env access /.test(messageOf(error))) {
    return new JobdError(
      "permission_denied",
      "Deno may not let the client of PostgreSQL see PG... variables",
      {
        hint: "Start it with --allow-env, or with --ignore-env, which shows it none.",
        cause: error,
      },
    );
  }
  if (isNotCapable(error)) {
    return new JobdError("permission_denied", `Deno may not connect to ${location}`, {
      hint: "Start it with --allow-net for that host and port.",
      cause: error,
    });
  }
  if (lacksPassword(error)) {
    return new JobdError("permission_denied", `PostgreSQL at ${location} asks for a password`, {
      hint: "Give user name and password in the database URL: postgres://user:password@host:port/database.",
      cause: error,
    });
  }
  if (isDisconnect(error)) return unavailable(error, location);
  return new JobdError("internal", `PostgreSQL refused a statement: ${messageOf(error)}`, { cause: error });
}

/** The client library finds out by itself, and has no code for it. */
function lacksPassword(error: unknown): boolean {
  return error instanceof Error && /^SASL: .*password must be/.test(error.message);
}

function unavailable(error: unknown, location: string): JobdError {
  // A failed attempt on several addresses of one host has the reasons in a list and an empty message.
  const parts = error instanceof AggregateError ? error.errors : [error];
  const reason = [...new Set(parts.map(messageOf))].join("; ");
  return new JobdError("store_unavailable", `PostgreSQL at ${location} cannot be reached: ${reason}`, {
    hint: encryptionHint(codeOf(error), reason) ??
      "Check that the server runs and that host, port and network are right.",
    cause: error,
  });
}

function encryptionHint(code: string, reason: string): string | undefined {
  if (/CERT|UNABLE_TO_/.test(code)) {
    return "Name its authority with sslrootcert=FILE in the database URL, and the host as its certificate does; " +
      "sslmode=no-verify encrypts for whoever answers.";
  }
  if (reason === "The server does not support SSL connections") {
    return "Turn encryption on at the server, or set sslmode=disable in the database URL.";
  }
  return undefined;
}

/** The schema or one of its tables is not there. */
export function schemaMissing(location: string, schema: string, cause?: unknown): JobdError {
  return new JobdError(
    "schema_missing",
    `The database ${location} has no complete jobd schema ${JSON.stringify(schema)}`,
    {
      hint: "Run `jobd migrate`.",
      cause,
    },
  );
}
