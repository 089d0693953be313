import type { CommanderError } from "commander";
import { JobdError } from "../../domain/errors.ts";
import { nearest } from "../config/nearest.ts";
import { type Command, kebab } from "./command.ts";
import { globalSettings, settingsOf } from "./flags.ts";

/** Names and summaries of the groups of commands. */
export type Groups = Readonly<Record<string, string>>;

/** What can be typed. */
export interface Vocabulary {
  /** The table of commands. */
  commands: readonly Command[];
  /** Its groups. */
  groups: Groups;
  /** The command when none is named. */
  fallback: string;
}

/** What is wrong with a command line, and what was probably meant. */
export function usageError(error: CommanderError, args: readonly string[], options: Vocabulary): JobdError {
  const message = error.message.replace(/^error: /, "");
  const sentence = message.charAt(0).toUpperCase() + message.slice(1).replaceAll("'", '"');
  const node = namedPath(args, options);
  const help = `See \`${["jobd", ...node].join(" ")} --help\`.`;
  const hint = (known: Iterable<string>, word: string): string => {
    const meant = nearest(word, known);
    return meant === undefined ? help : `Did you mean ${meant}? ${help}`;
  };
  if (error.code === "commander.help") {
    const known = options.commands.filter(({ path }) => path.startsWith(`${node[0]} `)).map(({ path }) =>
      path.split(" ")[1]
    );
    return new JobdError("invalid_request", `"jobd ${node[0]}" needs one of: ${known.join(", ")}`, {
      hint: help,
    });
  }
  if (error.code === "commander.unknownOption") {
    const word = /'(.*)'/.exec(error.message)?.[1]?.split("=", 1)[0] ?? "";
    return new JobdError("invalid_request", `Unknown option ${JSON.stringify(word)}`, {
      hint: hint(knownFlags(node, options), word),
    });
  }
  const stray = strayCommand(error, args, node, options);
  if (stray !== undefined) {
    const known = options.commands.map(({ path }) => path.split(" "))
      .filter((words) => node.length === 0 || words[0] === node[0]).map((words) => words[node.length] ?? "");
    const shown = [...node, stray].join(" ");
    return new JobdError("invalid_request", `Unknown command ${JSON.stringify(shown)}`, {
      hint: hint(new Set(known), stray),
    });
  }
  return new JobdError("invalid_request", sentence, { hint: help });
}

/** A word that stands where a command should: commander hands it to the default command as an argument too many. */
function strayCommand(
  error: CommanderError,
  args: readonly string[],
  node: string[],
  options: Vocabulary,
): string | undefined {
  const word = /unknown command '(.*)'/.exec(error.message)?.[1];
  if (word !== undefined) return word;
  if (error.code !== "commander.excessArguments" || node.length > 0) return undefined;
  return operands(args, options)[0];
}

/** The words of the command that the arguments name: none, a group, or a command. */
function namedPath(args: readonly string[], options: Vocabulary): string[] {
  const [first = "", second = ""] = operands(args, options);
  const paths = new Set(options.commands.map(({ path }) => path));
  if (paths.has(`${first} ${second}`)) return [first, second];
  return paths.has(first) || first in options.groups ? [first] : [];
}

/** Arguments that are neither flags nor the values of flags that every command has. */
function operands(args: readonly string[], options: Vocabulary): string[] {
  const valued = new Set(["--config", ...globalSettings().map(([, setting]) => `--${setting.flag}`)]);
  const fallback = options.commands.find(({ path }) => path === options.fallback);
  if (fallback !== undefined) {
    for (const [, setting] of settingsOf(fallback)) valued.add(`--${setting.flag}`);
  }
  return args.filter((arg, index) => !arg.startsWith("-") && !valued.has(args[index - 1] ?? ""));
}

function knownFlags(node: string[], options: Vocabulary): string[] {
  const command = options.commands.find(({ path }) => path === (node.join(" ") || options.fallback));
  const own = command === undefined ? [] : Object.keys(command.options).map(kebab);
  const settings = [...globalSettings(), ...(command === undefined ? [] : settingsOf(command))];
  const names = [
    ...own,
    ...settings.map(([, setting]) => setting.flag ?? ""),
    "config",
    "json",
    "no-color",
    "help",
    "version",
  ];
  return names.map((name) => `--${name}`);
}
