import { Command as Node, CommanderError, Option } from "commander";
import { JobdError } from "../../domain/errors.ts";
import type { Setting, SettingName } from "../config/settings.ts";
import { type Command, type Input, kebab, type OptionSpec } from "./command.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import type { Sink } from "./host.ts";
import { GLOBAL_FLAGS, globalSettings, settingsOf } from "./flags.ts";
import { type Groups, usageError, type Vocabulary } from "./usage_error.ts";
import { VERSION } from "./version.ts";

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
  let found: { command: Command; node: Node; args: string[] } | undefined;
  const root = buildProgram(
    options,
    (command, node, positional) => found = { command, node, args: positional },
  );
  try {
    root.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "printed", exitCode: 0 };
    throw usageError(error, args, options);
  }
  if (found === undefined) {
    throw new JobdError("invalid_request", "There is no command", { hint: "See `jobd --help`." });
  }
  const { command, node } = found;
  const given = node.optsWithGlobals<Record<string, string | string[] | boolean | undefined>>();
  const configPath = typeof given["config"] === "string" ? given["config"] : undefined;
  const flags = settingFlags(command, given);
  return {
    kind: "run",
    command,
    input: { args: found.args, options: readOptions(command, given) },
    flags,
    configPath,
  };
}

type OnRun = (command: Command, node: Node, args: string[]) => void;

function buildProgram({ commands, groups, fallback, stdout }: ParseOptions, onRun: OnRun): Node {
  const root = prepare(new Node("jobd"), stdout)
    .description("A durable job queue: enqueue prompts, commands and jobs; run them; look after them.")
    .version(VERSION, "-V, --version", "print the version")
    .optionsGroup("Options of every command:");
  for (const { flags, summary } of GLOBAL_FLAGS) root.option(flags, summary);
  for (const [, setting] of globalSettings()) root.addOption(settingOption(setting));
  root.configureHelp({
    showGlobalOptions: true,
    subcommandTerm: (node) => node.name(),
    visibleGlobalOptions: () => [],
  });
  root.addHelpText("after", rootFooter());
  const parents = new Map<string, Node>();
  for (const command of commands) {
    const words = command.path.split(" ");
    const name = words.at(-1) ?? "";
    const parent = words.length === 1 ? root : groupNode(root, words[0] ?? "", groups, parents, stdout);
    const node = prepare(
      parent.command(name, { isDefault: words.length === 1 && name === fallback }),
      stdout,
    );
    declare(node, command, onRun);
  }
  return root;
}

function prepare(node: Node, stdout: Sink): Node {
  return node
    .exitOverride()
    .helpOption("-h, --help", "print this help")
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: () => {},
      getOutHelpWidth: () => stdout.isTerminal ? Math.min(stdout.columns(), 110) : 100,
      getOutHasColors: () => false,
    });
}

function groupNode(root: Node, name: string, groups: Groups, parents: Map<string, Node>, stdout: Sink): Node {
  const known = parents.get(name);
  if (known !== undefined) return known;
  const node = prepare(root.command(name), stdout).description(groups[name] ?? "").helpCommand(false);
  node.configureHelp({
    subcommandTerm: (sub) => [sub.name(), ...sub.registeredArguments.map(argumentTerm)].join(" "),
  });
  parents.set(name, node);
  return node;
}

function argumentTerm(argument: { name(): string; required: boolean; variadic: boolean }): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

function declare(node: Node, command: Command, onRun: OnRun): void {
  node.description(
    command.details === undefined ? command.summary : `${command.summary}\n\n${command.details}`,
  );
  node.summary(command.summary);
  for (const { name, summary, required = true, many = false } of command.args) {
    const term = many ? `${name}...` : name;
    node.argument(required ? `<${term}>` : `[${term}]`, summary);
  }
  for (const [name, spec] of Object.entries(command.options)) node.addOption(optionOf(name, spec));
  for (const [, setting] of settingsOf(command)) node.addOption(settingOption(setting));
  node.addHelpText("after", footer(command));
  node.action(() => onRun(command, node, node.args));
}

function optionOf(name: string, spec: OptionSpec<unknown>): Option {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const placeholder = spec.placeholder === undefined ? "" : ` <${spec.placeholder}>`;
  const option = new Option(`${short}--${kebab(name)}${placeholder}`, describe(spec));
  if (spec.repeats) option.argParser((text: string, before: string[] | undefined) => [...before ?? [], text]);
  return option;
}

function describe(spec: OptionSpec<unknown>): string {
  const notes = [
    ...(spec.choices === undefined || spec.summary.includes(spec.choices.join(", "))
      ? []
      : [spec.choices.join(", ")]),
    ...(spec.default === undefined ? [] : [`default: ${spec.default}`]),
    ...(spec.repeats ? ["may be repeated"] : []),
  ];
  return notes.length === 0 ? spec.summary : `${spec.summary} (${notes.join("; ")})`;
}

function settingOption(setting: Setting<unknown>): Option {
  const notes = [
    ...(setting.env === undefined ? [] : [`env: ${setting.env}`]),
    `default: ${setting.default ?? setting.otherwise}`,
  ];
  return new Option(`--${setting.flag} <${setting.placeholder}>`, `${setting.summary} (${notes.join("; ")})`);
}

function footer(command: Command): string {
  const examples = command.examples.map(([line, explanation]) => `  $ ${line}\n      ${explanation}\n`);
  const more =
    "\nEvery command also takes --database-url, --namespace, --config, --json, --no-color, --log-level and\n" +
    "--log-format: see `jobd --help`.\n";
  return `\nExamples:\n${examples.join("")}${more}`;
}

function rootFooter(): string {
  const codes = Object.entries(EXIT_CODES).map(([code, meaning]) => `  ${code.padEnd(4)} ${meaning}\n`).join(
    "",
  );
  return `\nWithout a command, jobd starts the daemon.\n
Examples:
  $ jobd
  $ jobd enqueue --payload '{"prompt":"write hello world in go","cwd":"/tmp"}' --follow
  $ jobd jobs --state dead
  $ jobd enqueue --help

Flags beat environment variables, which beat the config file, which beats defaults. Exit codes:
${codes}`;
}

function settingFlags(
  command: Command,
  given: Record<string, unknown>,
): Partial<Record<SettingName, string>> {
  const flags: Partial<Record<SettingName, string>> = {};
  for (const [name, setting] of [...globalSettings(), ...settingsOf(command)]) {
    const text = given[camel(setting.flag ?? "")];
    if (typeof text === "string") flags[name] = text;
  }
  return flags;
}

function readOptions(
  command: Command,
  given: Record<string, string | string[] | boolean | undefined>,
): Input["options"] {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(command.options)) {
    const raw = given[name];
    const texts = raw === undefined || raw === false
      ? []
      : raw === true
      ? [""]
      : Array.isArray(raw)
      ? raw
      : [raw];
    values[name] = spec.read(texts, `--${kebab(name)}`);
  }
  return values as Input["options"];
}

function camel(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
