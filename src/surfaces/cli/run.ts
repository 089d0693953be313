import { JobdError, messageOf } from "../../domain/errors.ts";
import { COMMANDS, FALLBACK, GROUPS } from "./commands.ts";
import { Context } from "./context.ts";
import { exitCodeOf } from "../error_codes.ts";
import type { Host } from "./host.ts";
import { Output } from "./output.ts";
import { parseCommandLine } from "./parse.ts";
import { styled } from "./style.ts";

/** Runs one command line and returns the exit code. Never throws. */
export async function runCommandLine(host: Host): Promise<number> {
  const { args, stdout, stderr } = host;
  const end = args.indexOf("--");
  const flags = end < 0 ? args : args.slice(0, end);
  const env = (name: string): string | undefined => permitted(() => host.env(name));
  const colour = !flags.includes("--no-color") && !env("NO_COLOR") && env("TERM") !== "dumb";
  const out = new Output({ stdout, stderr, json: flags.includes("--json"), colour });
  let exitCode: number;
  try {
    exitCode = await dispatch(host, out);
  } catch (error) {
    exitCode = report(out, error, env("LOG_LEVEL") === "debug");
  }
  await out.flush();
  return exitCode;
}

/** The value; undefined where Deno does not permit to read it: how things look is not worth failing for. */
function permitted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

async function dispatch(host: Host, out: Output): Promise<number> {
  const options = { commands: COMMANDS, groups: GROUPS, fallback: FALLBACK, stdout: host.stdout };
  const parsed = parseCommandLine(host.args, options);
  if (parsed.kind === "printed") return parsed.exitCode;
  const { command, input, flags, configPath } = parsed;
  const context = new Context({ host, out, flags, configPath });
  try {
    return await command.run(input, context) ?? 0;
  } finally {
    await context.close();
  }
}

/** Says what went wrong: a sentence and a hint for people, with `--json` also a document for programs. */
function report(out: Output, thrown: unknown, debug: boolean): number {
  const error = asJobdError(thrown);
  out.note(styled("red", "jobd:"), ` ${error.message}`);
  if (error.hint !== undefined) out.note(styled("dim", "hint:"), ` ${error.hint}`);
  if (debug && thrown instanceof Error) out.noteText(`${thrown.stack}\n`, "dim");
  if (out.json) {
    out.document({ error: { code: error.code, message: error.message, hint: error.hint ?? null } });
  }
  return exitCodeOf(error.code);
}

function asJobdError(thrown: unknown): JobdError {
  if (thrown instanceof JobdError) return thrown;
  if (thrown instanceof Deno.errors.NotCapable) {
    return new JobdError("permission_denied", messageOf(thrown).split(",", 1)[0] ?? "", {
      hint: "Start jobd with `deno task jobd`, which gives it the permissions it needs.",
      cause: thrown,
    });
  }
  return new JobdError("internal", messageOf(thrown), {
    hint: "This is a fault in jobd; LOG_LEVEL=debug shows where it happened.",
    cause: thrown,
  });
}
