import { type Command, kebab } from "../command.ts";
import type { Setting } from "../../config/settings.ts";
import { type Flag, GLOBAL_FLAGS, globalSettings, settingsOf } from "../flags.ts";
import type { Groups } from "../vocabulary.ts";

/** What can follow one place of a command line. */
export interface CompletionNode {
  /** The words up to here, `""` for the beginning. */
  path: string;
  /** Commands that can follow, with their summaries. */
  words: { word: string; summary: string }[];
  /** Flags that can follow. */
  flags: CompletionFlag[];
  /** Values of the positional argument, when they are few. */
  values: readonly string[];
}

/** A flag for completions. */
export interface CompletionFlag {
  /** With its dashes. */
  flag: string;
  /** What it does. */
  summary: string;
  /** Whether a value follows. */
  takesValue: boolean;
  /** The values, when they are few. */
  choices: readonly string[];
}

/** All places of a command line. */
export function completionTree(commands: readonly Command[], groups: Groups): CompletionNode[] {
  const common = [
    ...GLOBAL_FLAGS.map(globalFlag),
    ...globalSettings().map(([, setting]) => settingFlag(setting)),
    HELP,
  ];
  const top = commands.filter(({ path }) => !path.includes(" ")).map(({ path, summary }) => ({
    word: path,
    summary,
  }));
  const heads = Object.entries(groups).map(([word, summary]) => ({ word, summary }));
  const nodes: CompletionNode[] = [{ path: "", words: [...top, ...heads], flags: common, values: [] }];
  for (const group of Object.keys(groups)) {
    const words = commands.filter(({ path }) => path.startsWith(`${group} `))
      .map(({ path, summary }) => ({ word: path.slice(group.length + 1), summary }));
    nodes.push({ path: group, words, flags: common, values: [] });
  }
  for (const command of commands) {
    const own = Object.entries(command.options).map(([name, spec]): CompletionFlag => ({
      flag: `--${kebab(name)}`,
      summary: spec.summary,
      takesValue: spec.placeholder !== undefined,
      choices: spec.choices ?? [],
    }));
    const settings = settingsOf(command).map(([, setting]) => settingFlag(setting));
    const values = command.args.flatMap(({ choices = [] }) => choices);
    nodes.push({ path: command.path, words: [], flags: [...own, ...settings, ...common], values });
  }
  return nodes;
}

const HELP: CompletionFlag = { flag: "--help", summary: "print help", takesValue: false, choices: [] };

function globalFlag({ name, placeholder, summary }: Flag): CompletionFlag {
  return { flag: `--${name}`, summary, takesValue: placeholder !== undefined, choices: [] };
}

function settingFlag(setting: Setting<unknown>): CompletionFlag {
  return {
    flag: `--${setting.flag}`,
    summary: setting.summary,
    takesValue: true,
    choices: setting.reader.choices ?? [],
  };
}
