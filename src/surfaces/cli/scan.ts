import type { Command } from "./command.ts";
import { commonFlags, type Flag, HELP_FLAG, ownFlags, VERSION_FLAG } from "./flags.ts";
import type { Place, Vocabulary } from "./vocabulary.ts";

/** What is wrong with one word of a command line. */
export type Problem =
  | { kind: "unknown command" | "unknown option"; text: string }
  | { kind: "value missing" | "value unwanted"; flag: Flag };

/** The words of a command line, each in its place. */
export interface Scanned extends Place {
  /** Positional arguments of the command. */
  readonly args: readonly string[];
  /** The texts that were given to each flag, by its name; a switch has empty ones. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** What was asked for instead of a run; as a word, help does not excuse what is wrong. */
  readonly asked: "--help" | "--version" | "help" | undefined;
  /** The first thing that is wrong. */
  readonly problem: Problem | undefined;
}

/** Sorts the words of a command line; what they mean together is not looked at. */
export function scan(args: readonly string[], vocabulary: Vocabulary): Scanned {
  return new Scanner(vocabulary).scan(args);
}

class Scanner {
  readonly #vocabulary: Vocabulary;
  readonly #args: string[] = [];
  readonly #given = new Map<string, string[]>();
  #words: string[] = [];
  #command: Command | undefined;
  /** The flags that are known at this place, as they are typed. */
  #known: Map<string, Flag>;
  #asked: Scanned["asked"];
  #problem: Problem | undefined;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    this.#known = knownFlags(this.#find(vocabulary.fallback));
  }

  scan(args: readonly string[]): Scanned {
    const rest = [...args];
    for (let text = rest.shift(); text !== undefined; text = rest.shift()) {
      if (text === "--") {
        for (const word of rest.splice(0)) this.#word(word);
      } else if (text.startsWith("--")) this.#long(text, rest);
      else if (/^-./s.test(text) && !isNegative(text)) this.#short(text.slice(1), rest);
      else this.#word(text);
    }
    this.#refuseEarlyFlags();
    return {
      words: this.#words,
      command: this.#command,
      args: this.#args,
      given: this.#given,
      asked: this.#asked,
      problem: this.#problem,
    };
  }

  #find(path: string): Command | undefined {
    return this.#vocabulary.commands.find((command) => command.path === path);
  }

  /** A word that is no flag: of the command, or an argument. */
  #word(text: string): void {
    if (this.#command !== undefined) this.#args.push(text);
    else if (this.#problem?.kind === "unknown command") return;
    else if (this.#words.length === 0 && text === "help") this.#asked ??= "help";
    else if (this.#words.length === 0 && Object.hasOwn(this.#vocabulary.groups, text)) this.#words = [text];
    else this.#name(text);
  }

  #name(text: string): void {
    const words = [...this.#words, text];
    const command = this.#find(words.join(" "));
    if (command === undefined) return this.#refuse({ kind: "unknown command", text: words.join(" ") });
    this.#words = words;
    this.#command = command;
    this.#known = knownFlags(command);
  }

  #long(text: string, rest: string[]): void {
    const end = text.indexOf("=");
    const name = end < 0 ? text : text.slice(0, end);
    const flag = this.#known.get(name);
    if (flag === undefined) this.#refuse({ kind: "unknown option", text: name });
    else if (flag.placeholder !== undefined) this.#give(flag, end < 0 ? rest.shift() : text.slice(end + 1));
    else if (end < 0) this.#give(flag, "");
    else this.#refuse({ kind: "value unwanted", flag });
  }

  /** One or more letters: switches, the last of them perhaps a flag with its value. */
  #short(letters: string, rest: string[]): void {
    const flag = this.#known.get(`-${letters.charAt(0)}`);
    const tail = letters.slice(1);
    if (flag === undefined) this.#refuse({ kind: "unknown option", text: `-${letters.split("=", 1)[0]}` });
    else if (flag.placeholder !== undefined) this.#give(flag, tail === "" ? rest.shift() : tail);
    else if (tail.startsWith("=")) this.#refuse({ kind: "value unwanted", flag });
    else {
      this.#give(flag, "");
      if (tail !== "") this.#short(tail, rest);
    }
  }

  #give(flag: Flag, text: string | undefined): void {
    if (text === undefined) this.#refuse({ kind: "value missing", flag });
    else if (flag === HELP_FLAG) this.#asked ??= "--help";
    else if (flag === VERSION_FLAG) this.#asked ??= "--version";
    else this.#given.set(flag.name, [...this.#given.get(flag.name) ?? [], text]);
  }

  /** Before a command is named, flags of the fallback are taken: the command must have them, too. */
  #refuseEarlyFlags(): void {
    if (this.#command === undefined) return;
    const stray = [...this.#given.keys()].find((name) => !this.#known.has(`--${name}`));
    if (stray !== undefined) this.#refuse({ kind: "unknown option", text: `--${stray}` });
  }

  #refuse(problem: Problem): void {
    this.#problem ??= problem;
  }
}

/** All flags that can stand with a command, or with a group, by their names and letters as they are typed. */
export function knownFlags(command: Command | undefined): Map<string, Flag> {
  const own = command === undefined ? [] : ownFlags(command);
  const flags = [...own, ...commonFlags(), HELP_FLAG, VERSION_FLAG];
  return new Map(flags.flatMap((flag) => [
    [`--${flag.name}`, flag],
    ...(flag.short === undefined ? [] : [[`-${flag.short}`, flag] as const]),
  ]));
}

/** A number below zero is an argument: no flag is a digit. */
function isNegative(text: string): boolean {
  return /^-\d+(\.\d+)?$/.test(text);
}
