import { type Reader, readValue } from "../config/readers.ts";
import type { Context } from "./context.ts";

/** A flag of a command, and how what was typed becomes its value. */
export interface OptionSpec<T> {
  /** What it does. */
  readonly summary: string;
  /** One letter for it. */
  readonly short?: string;
  /** What stands for its value in help; without one it is a switch. */
  readonly placeholder?: string;
  /** Whether it may be given several times. */
  readonly repeats?: boolean;
  /** The default, for help. */
  readonly default?: string;
  /** All allowed values, when they are few. */
  readonly choices?: readonly string[];
  /** The value from the texts that were given: none, one, or several. */
  read(given: readonly string[], where: string): T;
}

/** Flags by name; `maxAttempts` is typed as `--max-attempts`. */
export type Options = Readonly<Record<string, OptionSpec<unknown>>>;

/** The values of flags. */
export type OptionValues<O extends Options> = {
  [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never;
};

/** A positional argument. */
export interface ArgumentSpec {
  /** What stands for it in help. */
  readonly name: string;
  /** What it is. */
  readonly summary: string;
  /** @default true */
  readonly required?: boolean;
  /** Whether all further arguments belong to it. @default false */
  readonly many?: boolean;
  /** All allowed values, when they are few. */
  readonly choices?: readonly string[];
}

/** What a command gets from the command line. */
export interface Input<O extends Options = Options> {
  /** Positional arguments. */
  readonly args: readonly string[];
  /** Values of its flags. */
  readonly options: OptionValues<O>;
}

/** A command as it is declared. */
export interface CommandSpec<O extends Options> {
  /** Its words, such as `job show`. */
  readonly path: string;
  /** One line about it. */
  readonly summary: string;
  /** More about it. */
  readonly details?: string;
  /** Positional arguments. */
  readonly args?: readonly ArgumentSpec[];
  /** Its flags, besides those that all commands have. */
  readonly options?: O;
  /** Whether it runs a worker and takes the flags of those settings too. @default false */
  readonly runsWorker?: boolean;
  /** Whether it serves the HTTP API and takes the flags of those settings too. @default false */
  readonly servesApi?: boolean;
  /** Command lines to copy, each with what it does. */
  readonly examples: readonly (readonly [line: string, explanation: string])[];
  /** Does it. A returned number is the exit code. Its code is loaded only now. */
  run(input: Input<O>, context: Context): Promise<number | void>;
}

/** A command of the table. */
export type Command = Required<Omit<CommandSpec<Options>, "details">> & { readonly details?: string };

/** Declares a command; the values of its flags are typed by their declarations. */
export function command<O extends Options>(spec: CommandSpec<O>): Command {
  const base = { args: [], options: {}, runsWorker: false, servesApi: false };
  // The parser reads the options of exactly this declaration, so the input has the declared types.
  return { ...base, ...spec, run: spec.run as Command["run"] };
}

/** A flag that is given or not. */
export function flag(summary: string, rest: { short?: string } = {}): OptionSpec<boolean> {
  return { ...rest, summary, read: (given) => given.length > 0 };
}

/** How a flag with a value is declared. */
export interface ValueOptions {
  /** One letter for it. */
  short?: string;
  /** The value when it is not given, as one would type it. */
  default?: string;
}

/** A flag with a value and a default. */
export function value<T>(
  reader: Reader<T>,
  placeholder: string,
  summary: string,
  rest: ValueOptions & { default: string },
): OptionSpec<T>;
/** A flag with a value. */
export function value<T>(
  reader: Reader<T>,
  placeholder: string,
  summary: string,
  rest?: ValueOptions,
): OptionSpec<T | undefined>;
export function value<T>(
  reader: Reader<T>,
  placeholder: string,
  summary: string,
  rest: ValueOptions = {},
): OptionSpec<T | undefined> {
  return {
    ...rest,
    summary,
    placeholder,
    ...(reader.choices === undefined ? {} : { choices: reader.choices }),
    read(given, where) {
      const text = given.at(-1) ?? rest.default;
      return text === undefined ? undefined : readValue(reader, text, where, "invalid_request");
    },
  };
}

/** A flag that may be given several times; with `commas` also several values at once. */
export function list<T>(
  reader: Reader<T>,
  placeholder: string,
  summary: string,
  rest: { short?: string; commas?: boolean } = {},
): OptionSpec<T[]> {
  const { commas = false, ...shown } = rest;
  return {
    ...shown,
    summary,
    placeholder,
    repeats: true,
    ...(reader.choices === undefined ? {} : { choices: reader.choices }),
    read(given, where) {
      const texts = commas ? given.flatMap((text) => text.split(",")) : given;
      return texts.map((text) => readValue(reader, text, where, "invalid_request"));
    },
  };
}

/** `maxAttempts` as it is typed: `max-attempts`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
