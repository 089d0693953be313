import { basename } from "node:path";
import { messageOf } from "../../domain/errors.ts";

/** Why a program could not be started. All of them are permanent: the same start fails the same way again. */
export type StartErrorCode =
  | "program_not_found"
  | "not_executable"
  | "bad_cwd"
  | "arguments_too_long"
  | "bad_arguments";

/** A program that could not be started. */
export class StartError extends Error {
  /** Why. */
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = "StartError";
    this.code = code;
  }
}

/** Checks that a working directory can be used. */
export async function checkCwd(cwd: string): Promise<void> {
  const info = await Deno.stat(cwd).catch((error: unknown) => {
    throw new StartError(
      "bad_cwd",
      `The working directory ${JSON.stringify(cwd)} cannot be used: ${reason(error)}`,
    );
  });
  if (!info.isDirectory) {
    throw new StartError("bad_cwd", `The working directory ${JSON.stringify(cwd)} is not a directory`);
  }
}

/** What an error of `Deno.Command` means; gives back errors that may go away by themselves. */
export async function startError(command: string, error: unknown): Promise<unknown> {
  const name = JSON.stringify(command);
  const cause = { cause: error };
  switch ((error as { code?: unknown }).code) {
    case "ENOENT":
      return await exists(command)
        ? new StartError(
          "not_executable",
          `The program ${name} names an interpreter in its first line that does not exist`,
          cause,
        )
        : new StartError("program_not_found", `The program ${name} was not found`, cause);
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return new StartError("program_not_found", `The program ${name} was not found`, cause);
    case "EACCES":
      return new StartError(
        "not_executable",
        `The program ${name} may not be executed: it is no executable file, or the rights are missing`,
        cause,
      );
    case "ENOEXEC":
      return new StartError(
        "not_executable",
        `The program ${name} is in a format that this machine cannot run`,
        cause,
      );
    case "E2BIG":
      return new StartError(
        "arguments_too_long",
        `The arguments and environment of ${name} are longer than the system allows`,
        cause,
      );
    case "EINVAL":
      return new StartError("bad_arguments", `An argument of ${name} contains a NUL character`, cause);
    default:
      return error;
  }
}

/**
 * The system hands a file without `#!` that it cannot execute to the shell, which then reads, say, a program for
 * another machine as text. Recognised by the shell's complaints about that very file.
 */
export async function shellTextError(
  command: string,
  exitCode: number | null,
  stderr: string,
): Promise<StartError | undefined> {
  if (exitCode !== 2 && exitCode !== 126 && exitCode !== 127) return undefined;
  const file = /^(\/[^:\n]+): (?:line )?\d+: /.exec(stderr)?.[1];
  if (file === undefined || basename(file) !== basename(command)) return undefined;
  const head = await readHead(file).catch(() => "#!");
  if (head === "#!") return undefined;
  return new StartError(
    "not_executable",
    `The program ${
      JSON.stringify(command)
    } is in a format that this machine cannot run, or a script without a "#!" line`,
  );
}

async function readHead(file: string): Promise<string> {
  using opened = await Deno.open(file);
  const bytes = new Uint8Array(2);
  await opened.read(bytes);
  return new TextDecoder("latin1").decode(bytes);
}

async function exists(command: string): Promise<boolean> {
  if (!command.includes("/")) return false;
  return await Deno.lstat(command).then(() => true, () => false);
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "it does not exist";
  if (error instanceof Deno.errors.PermissionDenied) return "the rights are missing";
  return messageOf(error);
}
