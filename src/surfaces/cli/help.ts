import type { ArgumentSpec, Command } from "./command.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { commonFlags, type Flag, flagTerm, HELP_FLAG, ownFlags, VERSION_FLAG } from "./flags.ts";
import type { Place, Vocabulary } from "./vocabulary.ts";

/** Below this width descriptions get no narrower. */
const NARROWEST = 24;

/** One line of a section: what to type, and what it is. */
type Item = readonly [term: string, description: string];

interface Section {
  title: string;
  items: readonly Item[];
}

/** The help of jobd, of a group or of a command, for lines of `width` characters. */
export function helpText(place: Place, vocabulary: Vocabulary, width: number): string {
  if (place.command !== undefined) return commandHelp(place.command, width);
  const [group] = place.words;
  return group === undefined ? rootHelp(vocabulary, width) : groupHelp(group, vocabulary, width);
}

function rootHelp({ commands, groups }: Vocabulary, width: number): string {
  const heads = new Map<string, string>();
  for (const { path, summary } of commands) {
    const [head = ""] = path.split(" ");
    heads.set(head, groups[head] ?? summary);
  }
  const codes = Object.entries(EXIT_CODES).map(([code, meaning]) => `  ${code.padEnd(4)} ${meaning}\n`);
  return `Usage: jobd [options] [command]

${wrap("A durable job queue: enqueue prompts, commands and jobs; run them; look after them.", width)}
${
    sections([
      { title: "Options", items: [VERSION_FLAG, HELP_FLAG].map(flagItem) },
      { title: "Options of every command", items: commonFlags().map(flagItem) },
      { title: "Commands", items: [...heads, ["help", "print the help of a command"]] },
    ], width)
  }
Without a command, jobd starts the daemon.

Examples:
  $ jobd
  $ jobd enqueue --payload '{"prompt":"write hello world in go","cwd":"/tmp"}' --follow
  $ jobd jobs --state dead
  $ jobd enqueue --help

${
    wrap(
      "Flags beat environment variables, which beat the config file, which beats defaults. Exit codes:",
      width,
    )
  }
${codes.join("")}`;
}

function groupHelp(group: string, { commands, groups }: Vocabulary, width: number): string {
  const members = commands.filter(({ path }) => path.startsWith(`${group} `)).map((command): Item => {
    return [usage(command).slice(group.length + 1), command.summary];
  });
  return `Usage: jobd ${group} [options] [command]

${wrap(groups[group] ?? "", width)}
${
    sections([
      { title: "Options", items: [flagItem(HELP_FLAG)] },
      { title: "Commands", items: members },
    ], width)
  }`;
}

function commandHelp(command: Command, width: number): string {
  const { summary, details, args, examples } = command;
  const lines = examples.map(([line, explanation]) => `  $ ${line}\n      ${explanation}\n`);
  const common = commonFlags().map(({ name }) => `--${name}`);
  const more = `Every command also takes ${common.slice(0, -1).join(", ")} and ${
    common.at(-1)
  }: see \`jobd --help\`.`;
  return `Usage: jobd ${usage(command, "[options]")}

${wrap(summary, width)}
${details === undefined ? "" : `\n${wrap(details, width)}\n`}${
    sections([
      { title: "Arguments", items: args.map((argument) => [argument.name, argument.summary]) },
      { title: "Options", items: [...ownFlags(command), HELP_FLAG].map(flagItem) },
    ], width)
  }
Examples:
${lines.join("")}
${wrap(more, width)}
`;
}

/** The words of a command and its arguments: `job show <id...>`. */
function usage({ path, args }: Command, ...options: string[]): string {
  return [path, ...options, ...args.map(argumentTerm)].join(" ");
}

function argumentTerm({ name, required = true, many = false }: ArgumentSpec): string {
  const term = many ? `${name}...` : name;
  return required ? `<${term}>` : `[${term}]`;
}

function flagItem(flag: Flag): Item {
  const { summary, notes = [] } = flag;
  return [flagTerm(flag), notes.length === 0 ? summary : `${summary} (${notes.join("; ")})`];
}

/** Lists under their titles, each after an empty line, with all descriptions in one column. */
function sections(all: readonly Section[], width: number): string {
  const shown = all.filter(({ items }) => items.length > 0);
  const column = Math.max(...shown.flatMap(({ items }) => items.map(([term]) => term.length))) + 4;
  const row = ([term, description]: Item): string => {
    const text = wrap(description, Math.max(NARROWEST, width - column));
    return `  ${term.padEnd(column - 2)}${text.replaceAll("\n", `\n${" ".repeat(column)}`)}\n`;
  };
  return shown.map(({ title, items }) => `\n${title}:\n${items.map(row).join("")}`).join("");
}

/** The text in lines of at most `width` characters, unless a word is longer. */
function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}
