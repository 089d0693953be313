import type { SettingName } from "../config/settings.ts";
import { type Command, type Input, kebab } from "./command.ts";
import { globalSettings, settingsOf } from "./flags.ts";
import { helpText } from "./help.ts";
import type { Sink } from "./host.ts";
import { scan, type Scanned } from "./scan.ts";
import { argumentError, groupError, problemError } from "./usage_error.ts";
import { VERSION } from "./version.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The widest lines of help; on anything but a terminal they are a little shorter. */
const WIDEST = 110;
const UNSEEN_WIDTH = 100;

/** What the command line asks for. */
export type Parsed =
  /** Run a command. */
  | {
    kind: "run";
    command: Command;
    input: Input;
    flags: Partial<Record<SettingName, string>>;
    configPath: string | undefined;
  }
  /** Help or the version has been printed. */
  | { kind: "printed"; exitCode: number };

/** Options of {@linkcode parseCommandLine}. */
export interface ParseOptions extends Vocabulary {
  /** Where help goes that was asked for. */
  stdout: Sink;
}

/**
 * Reads the command line.
 *
 * @throws {JobdError} `invalid_request` for anything unknown or missing, with what was probably meant
 */
export function parseCommandLine(args: readonly string[], options: ParseOptions): Parsed {
  const { stdout } = options;
  const scanned = scan(args, options);
  const { asked, problem } = scanned;
  if (asked === "--version") return printed(stdout, `${VERSION}\n`);
  if (asked === "--help" || (asked === "help" && problem === undefined)) {
    const width = stdout.isTerminal ? Math.min(stdout.columns(), WIDEST) : UNSEEN_WIDTH;
    return printed(stdout, helpText(scanned, options, width));
  }
  if (problem !== undefined) throw problemError(problem, scanned, options);
  return toRun(scanned, options);
}

function printed(stdout: Sink, text: string): Parsed {
  stdout.write(text);
  return { kind: "printed", exitCode: 0 };
}

function toRun(scanned: Scanned, options: ParseOptions): Parsed {
  const { words, args, given } = scanned;
  const path = words.length === 0 ? options.fallback : words.join(" ");
  const command = options.commands.find((one) => one.path === path);
  if (command === undefined) throw groupError(scanned, options);
  const error = argumentError(command, args, scanned);
  if (error !== undefined) throw error;
  return {
    kind: "run",
    command,
    input: { args, options: readOptions(command, given) },
    flags: settingFlags(command, given),
    configPath: given.get("config")?.at(-1),
  };
}

function settingFlags(command: Command, given: Scanned["given"]): Partial<Record<SettingName, string>> {
  const flags: Partial<Record<SettingName, string>> = {};
  for (const [name, setting] of [...globalSettings(), ...settingsOf(command)]) {
    const texts = given.get(setting.flag ?? "") ?? [];
    const text = setting.repeats ? texts.join(",") : texts.at(-1);
    if (texts.length > 0 && text !== undefined) flags[name] = text;
  }
  return flags;
}

function readOptions(command: Command, given: Scanned["given"]): Input["options"] {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(command.options)) {
    const flag = kebab(name);
    values[name] = spec.read(given.get(flag) ?? [], `--${flag}`);
  }
  return values as Input["options"];
}
