import { type Duration, parseDuration } from "../../domain/duration.ts";
import { JobdError, messageOf } from "../../domain/errors.ts";
import { covers, OWN_VARIABLES } from "./environment.ts";

/** A place in a command that a payload fills. */
export interface ExecSlot {
  /** Whether a payload must fill it. @default true, unless it has a default */
  required?: boolean;
  /** What it is when the payload does not fill it. Without one, arguments that name the slot are left out. */
  default?: string;
  /** A regular expression that the whole value must match. */
  pattern?: string;
  /** The longest value, in characters. @default 4096 */
  maxLength?: number;
  /** Whether a value at the start of an argument may begin with `-`. After a `--` it always may. @default false */
  allowDash?: boolean;
}

/** A command that jobs may name. */
export interface ExecCommand {
  /** The program: a path, or a name on `PATH`. Never a shell line. */
  command: string;
  /** Its arguments. `{name}` of a declared slot stands for its value, alone or inside; it never becomes two arguments. */
  args?: string[];
  /** What it reads: the value of a slot, or with `"payload"` the payload's values as JSON. @default nothing */
  stdin?: string;
  /** Its working directory. @default the daemon's */
  cwd?: string;
  /** Variables that are set for it. */
  env?: Record<string, string>;
  /** Names of variables that it gets from the daemon, besides the usual ones such as PATH and HOME; `*` at the end. */
  envPass?: string[];
  /** Longest run, within the job's own limit. */
  timeout?: Duration;
  /** Longest silence. @default no limit */
  idle?: Duration;
  /** From SIGTERM to SIGKILL when it must stop. @default "5s" */
  grace?: Duration;
  /** Exit codes after which a retry cannot help. */
  permanentExitCodes?: number[];
  /** The slots by name. */
  slots?: Record<string, ExecSlot>;
  /** Runs it as this user; needs the rights for that. @default the daemon's */
  uid?: number;
  /** Runs it as this group; needs the rights for that. @default the daemon's */
  gid?: number;
}

/** What the `exec` handler may run. */
export interface ExecConfig {
  /** The commands by the name that payloads use. */
  commands: Record<string, ExecCommand>;
}

/** The word that makes all values the standard input. */
export const STDIN_PAYLOAD = "payload";
const SLOT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const COMMAND_KEYS: Record<keyof ExecCommand, true> = {
  command: true,
  args: true,
  stdin: true,
  cwd: true,
  env: true,
  envPass: true,
  timeout: true,
  idle: true,
  grace: true,
  permanentExitCodes: true,
  slots: true,
  uid: true,
  gid: true,
};
const SLOT_KEYS: Record<keyof ExecSlot, true> = {
  required: true,
  default: true,
  pattern: true,
  maxLength: true,
  allowDash: true,
};

/**
 * Checks the configuration of the `exec` handler.
 *
 * @throws {JobdError} `invalid_config` for the first thing that is wrong, naming the command.
 */
export function checkExecConfig(config: ExecConfig): void {
  for (const [name, command] of Object.entries(config.commands)) checkCommand(name, command);
}

function checkCommand(name: string, command: ExecCommand): void {
  const refuse = (what: string, hint: string): JobdError =>
    new JobdError("invalid_config", `Invalid exec command ${JSON.stringify(name)}: ${what}`, { hint });
  refuseUnknown(command, COMMAND_KEYS, refuse);
  if (typeof command.command !== "string" || command.command === "") {
    throw refuse("it has no program", "Set command to the path or name of a program.");
  }
  for (const variable of command.envPass ?? []) {
    if (!covers(OWN_VARIABLES, variable)) continue;
    throw refuse(
      `envPass names ${variable}, which leads into jobd itself`,
      "Give it values of its own with env.",
    );
  }
  const slots = Object.entries(command.slots ?? {});
  for (const [slot, settings] of slots) {
    const { pattern } = settings;
    refuseUnknown(settings, SLOT_KEYS, refuse);
    if (!SLOT_NAME.test(slot) || slot === STDIN_PAYLOAD) {
      throw refuse(
        `${JSON.stringify(slot)} cannot be the name of a slot`,
        'Use letters, digits and "_", but not "payload".',
      );
    }
    const used = command.stdin === slot || (command.args ?? []).some((arg) => arg.includes(`{${slot}}`));
    if (!used) {
      throw refuse(`the slot ${slot} is used nowhere`, `Write {${slot}} into args, or name it as stdin.`);
    }
    if (pattern !== undefined) {
      checked(
        () => slotPattern(pattern),
        (why) => refuse(`the pattern of slot ${slot} is no regular expression`, why),
      );
    }
  }
  if (
    command.stdin !== undefined && command.stdin !== STDIN_PAYLOAD &&
    !Object.hasOwn(command.slots ?? {}, command.stdin)
  ) {
    throw refuse(`stdin names ${JSON.stringify(command.stdin)}`, 'It must be a declared slot or "payload".');
  }
  for (const limit of [command.timeout, command.idle, command.grace]) {
    if (limit !== undefined) {
      checked(() => parseDuration(limit, "limit"), (why) => refuse(why, 'Write it like "30s" or "5m".'));
    }
  }
}

function refuseUnknown(
  settings: object,
  known: Record<string, true>,
  refuse: (what: string, hint: string) => JobdError,
): void {
  const unknown = Object.keys(settings).find((key) => !Object.hasOwn(known, key));
  if (unknown !== undefined) {
    throw refuse(`unknown setting ${JSON.stringify(unknown)}`, `Known: ${Object.keys(known).join(", ")}.`);
  }
}

/** Runs a check and words its error anew. */
function checked(check: () => unknown, refuse: (why: string) => JobdError): void {
  try {
    check();
  } catch (error) {
    throw refuse(messageOf(error));
  }
}

/** The expression that a whole value must match. */
export function slotPattern(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, "u");
}
