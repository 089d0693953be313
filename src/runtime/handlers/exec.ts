import { parseDuration } from "../../domain/duration.ts";
import type { Job } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import { resolve } from "node:path";
import { Directive, fail, type Handler, type RunContext } from "../handler.ts";
import { Processes } from "../process/processes.ts";
import { BASE_VARIABLES, childEnvironment } from "./environment.ts";
import { BadPayload, type ExecInvocation, fillSlots } from "./exec_arguments.ts";
import { checkExecConfig, type ExecCommand, type ExecConfig } from "./exec_config.ts";
import { type ChildSpec, exitFailure, runChild } from "./run_child.ts";
import { lastLine, Tail } from "./tail.ts";

/** Options of handlers that run programs. */
export interface ChildHandlerOptions {
  /** Where they run them. @default an instance of its own */
  processes?: Processes;
}

/** Characters kept of each pipe with the result; the job log has more. */
const TAIL_CHARACTERS = 8 * 1024;
const DEFAULT_GRACE = "5s";

/**
 * The handler of type `exec`: runs commands that the configuration names, never a shell and never a command, option,
 * folder or variable that a payload chooses. Payload: `{ "command": name, "values": { slot: value } }`.
 *
 * @throws {JobdError} `invalid_config` when the configuration is wrong.
 */
export function execHandler(
  config: ExecConfig,
  { processes = new Processes() }: ChildHandlerOptions = {},
): Handler {
  checkExecConfig(config);
  return {
    type: "exec",
    outOfProcess: true,
    run: async (job, context) => {
      try {
        const { command, invocation } = choose(config, job.payload);
        return await runCommand(job, context, { command, invocation, processes });
      } catch (error) {
        if (error instanceof BadPayload) {
          return fail({ code: "bad_payload", message: error.message }, { permanent: true });
        }
        throw error;
      }
    },
  };
}

function choose(config: ExecConfig, payload: Json): { command: ExecCommand; invocation: ExecInvocation } {
  const { command: name, values } = Object(payload) as { command?: unknown; values?: unknown };
  const command = typeof name === "string" && Object.hasOwn(config.commands, name)
    ? config.commands[name]
    : undefined;
  if (command === undefined) {
    const known = Object.keys(config.commands);
    const what = name === undefined
      ? "The payload names no command"
      : `Unknown command ${JSON.stringify(name)}`;
    throw new BadPayload(
      `${what}; ${known.length === 0 ? "none is configured" : `known: ${known.join(", ")}`}`,
    );
  }
  return { command, invocation: fillSlots(command, values) };
}

async function runCommand(
  job: Job,
  context: RunContext,
  { command, invocation, processes }: {
    command: ExecCommand;
    invocation: ExecInvocation;
    processes: Processes;
  },
): Promise<Json | Directive | void> {
  const tails = { stdout: new Tail(TAIL_CHARACTERS), stderr: new Tail(TAIL_CHARACTERS) };
  const end = await runChild(job, context, {
    ...childSpec(command, invocation),
    processes,
    onOutput: (stream, text) => {
      tails[stream].push(text);
      context.log(text, stream);
    },
  });
  if (end instanceof Directive) return end;
  if (end.endedBy === "abort") return;
  const kept = { stdoutTail: tails.stdout.text, stderrTail: tails.stderr.text };
  if (end.endedBy !== null) return limitFailure(end.endedBy, command, kept);
  if (end.exitCode === 0) return { exitCode: 0, ...kept };
  return fail(
    {
      ...exitFailure(end, lastLine(kept.stderrTail)),
      data: { exitCode: end.exitCode, signal: end.signal, ...kept },
    },
    { permanent: end.exitCode !== null && (command.permanentExitCodes ?? []).includes(end.exitCode) },
  );
}

function childSpec(command: ExecCommand, { args, stdin }: ExecInvocation): Omit<ChildSpec, "onOutput"> {
  return {
    command: command.command,
    args,
    cwd: resolve(command.cwd ?? "."),
    env: childEnvironment({
      pass: [...BASE_VARIABLES, ...command.envPass ?? []],
      ...(command.env && { set: command.env }),
    }),
    graceMs: parseDuration(command.grace ?? DEFAULT_GRACE),
    ...(stdin === undefined ? {} : { stdin }),
    ...(command.timeout === undefined ? {} : { timeoutMs: parseDuration(command.timeout) }),
    ...(command.idle === undefined ? {} : { idleMs: parseDuration(command.idle) }),
    ...(command.uid === undefined ? {} : { uid: command.uid }),
    ...(command.gid === undefined ? {} : { gid: command.gid }),
  };
}

function limitFailure(limit: string, command: ExecCommand, data: Json): Directive {
  return limit === "idle"
    ? fail({ code: "no_output", message: `No output for ${command.idle}`, data })
    : fail({ code: "timeout", message: `Ran longer than ${command.timeout}`, data });
}
