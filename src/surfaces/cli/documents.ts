import { type Command, kebab } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { commonFlags, flagTerm, settingsOf } from "./flags.ts";

/** The text of `docs/commands.md`. */
export function commandsDocument(): string {
  const common = commonFlags().map((flag) => row(flagTerm(flag), flag.summary));
  const codes = Object.entries(EXIT_CODES).map(([code, meaning]) => row(code, meaning));
  return `<!-- deno-fmt-ignore-file -->

# Commands

This page is written by \`deno task docs\` from the table of commands; \`jobd COMMAND --help\` says the same.
Flags beat environment variables, which beat the config file, which beats defaults: see
[configuration.md](configuration.md).

## Flags of every command

| Flag | What it does |
| --- | --- |
${common.join("")}
## Exit codes

| Code | Meaning |
| --- | --- |
${codes.join("")}
An error is one sentence on stderr, with a hint what to do. With \`--json\` it is also a document on stdout:
\`{"error": {"code", "message", "hint"}}\`.

${COMMANDS.map(section).join("\n")}`;
}

function section(command: Command): string {
  const { path, summary, details, args, options, examples } = command;
  const usage = args.map(({ name, required = true, many = false }) => {
    const word = `${name.toUpperCase()}${many ? "..." : ""}`;
    return required ? ` ${word}` : ` [${word}]`;
  });
  const flags = [
    ...Object.entries(options).map(([name, { short, placeholder, summary, default: preset }]) => {
      const flag = `${short === undefined ? "" : `-${short}, `}--${kebab(name)}`;
      const value = placeholder === undefined ? "" : ` <${placeholder}>`;
      return row(flag + value, preset === undefined ? summary : `${summary} (default: ${preset})`);
    }),
    ...settingsOf(command).map(([, { flag, placeholder, summary }]) =>
      row(`--${flag} <${placeholder}>`, summary)
    ),
  ];
  const table = flags.length === 0 ? "" : `| Flag | What it does |\n| --- | --- |\n${flags.join("")}\n`;
  const lines = examples.map(([line, explanation]) => `# ${explanation}\n${line}\n`).join("");
  const more = details === undefined ? "" : ` ${details}`;
  return `## jobd ${path}${usage.join("")}\n\n${summary}.${more}\n\n${table}\`\`\`sh\n${lines}\`\`\`\n`;
}

function row(left: string, right: string): string {
  return `| \`${left}\` | ${right.replaceAll("|", "\\|").replaceAll("<", "&lt;")} |\n`;
}
