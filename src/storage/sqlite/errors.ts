import { JobdError, messageOf } from "../../domain/errors.ts";
import { isNotCapable } from "../platform/platform.ts";

// Primary result codes of SQLite, see its documentation of result codes; extended codes carry them in the low byte.
const BUSY = 5;
const READ_ONLY = 8;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;

/** The primary result code of an error of node:sqlite, if it has one. */
function codeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

/** The system's code for the failure of a file operation, such as `ENOENT`. */
export function systemCode(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

/** Whether another connection holds the lock that was needed. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === BUSY;
}

/** Whether something with the same key is there already; the statement had no effect. */
export function isConstraint(error: unknown): boolean {
  return codeOf(error) === CONSTRAINT;
}

/** The error for a lock that did not become free in time. */
export function busyTooLong(path: string, cause: unknown): JobdError {
  return new JobdError("store_unavailable", `The store ${path} stayed locked by another process`, {
    hint: "Find the program that holds a transaction open on this file and end it.",
    cause,
  });
}

/** An error of node:sqlite or of a file operation as jobd's own, with the path; others are given back as they are. */
export function explain(error: unknown, path: string): unknown {
  if (error instanceof JobdError || !(error instanceof Error)) return error;
  if (isNotCapable(error)) return notCapable(path, error);
  const code = systemCode(error);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return readOnly(path, error);
  if (code === "ENOTDIR" || code === "ENOENT") return missingFolder(path, error);
  switch (codeOf(error)) {
    case READ_ONLY:
      return readOnly(path, error);
    case CORRUPT:
    case NOT_A_DATABASE:
      return damaged(path, error);
    case FULL:
      return new JobdError("store_unavailable", `The disk that holds the store ${path} is full`, {
        hint: "Free some space on it; nothing that was accepted is lost.",
        cause: error,
      });
    case IO_ERROR:
      return new JobdError(
        "store_unavailable",
        `The store ${path} cannot be read or written: ${error.message}`,
        {
          hint: "Look into the system log for errors of its disk.",
          cause: error,
        },
      );
    case CANNOT_OPEN:
      return cannotOpen(path, error);
    default:
      if (error.message.startsWith("unable to open database file")) return cannotOpen(path, error);
      return error.message.startsWith("no such table") ? noTables(path, error) : error;
  }
}

function notCapable(path: string, cause: Error): JobdError {
  return new JobdError("permission_denied", `Deno does not allow this program to use the store ${path}`, {
    hint: "Run it with --allow-read and --allow-write for the folder of the store.",
    cause,
  });
}

function readOnly(path: string, cause: Error): JobdError {
  return new JobdError("permission_denied", `The store ${path} cannot be written`, {
    hint:
      "Give this user the right to write the file and the folder in which it lies, or choose another path.",
    cause,
  });
}

function damaged(path: string, cause: Error): JobdError {
  return new JobdError(
    "store_unusable",
    `The store ${path} is damaged or not a SQLite database: ${messageOf(cause)}`,
    {
      hint: 'Restore a backup (made by "jobd backup") under this path, or choose another path.',
      cause,
    },
  );
}

function noTables(path: string, cause: Error): JobdError {
  return new JobdError("schema_missing", `The store ${path} lacks a table of jobd: ${cause.message}`, {
    hint: 'Run "jobd migrate" on it first.',
    cause,
  });
}

function cannotOpen(path: string, cause: Error): JobdError {
  return new JobdError("store_unusable", `The store ${path} cannot be opened`, {
    hint: "Check that the path names a file, that its folder exists and that this user may write both.",
    cause,
  });
}

function missingFolder(path: string, cause: Error): JobdError {
  return new JobdError("store_unusable", `The folder of the store ${path} does not exist`, {
    hint: "Create the folder, or choose another path.",
    cause,
  });
}
