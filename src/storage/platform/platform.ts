/** How a program that was run to its end has ended. */
export interface Ran {
  /** Its exit code. */
  code: number;
  /** What it printed. */
  stdout: string;
  /** What it complained about. */
  stderr: string;
}

/** A thread that runs. */
export interface Thread {
  /** Ends it. */
  terminate(): void;
}

/** A right that Deno gives to programs. */
export type ProgramRight =
  | { name: "run"; command: string }
  | { name: "read"; path: URL }
  | { name: "sys"; kind: "hostname" };

/** The signals that jobd sends. */
export type Signal = "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT";

/**
 * What Deno, Node.js and Bun do each in a way of their own: all that the library needs besides what they have in common, which
 * is the language, the web's interfaces and the `node:` modules. What fails throws an error with the system's `code`
 * (`ENOENT`, `EEXIST`, ...), or what {@linkcode isNotCapable} knows.
 */
export interface Platform {
  /** What runs this program, for messages. */
  readonly name: "Deno" | "Node.js" | "Bun";
  /** The operating system, such as `linux`. */
  readonly os: string;
  /** The number of this process. */
  readonly pid: number;
  /** Whether this program has a right; only Deno withholds any. */
  may(right: ProgramRight): boolean;
  /** The machine's name. */
  hostname(): string;
  /** Makes an empty file that only its owner can read and write; `EEXIST` when there is one. */
  createFile(path: string): void;
  /** Opens a file to read and write, and closes it again. */
  tryFile(path: string): void;
  /** Removes a file. */
  removeFile(path: string): void;
  /** What a file holds. */
  readText(path: string): string;
  /** Where a link leads. */
  readLink(path: string): string;
  /** The names in a folder. */
  list(folder: string): string[];
  /** Signals a process, or with a negative number a process group. */
  kill(pid: number, signal: Signal): void;
  /** Runs a program to its end, with no more environment than is given. */
  run(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran>;
  /** Writes to the standard error at once. */
  complain(text: string): void;
  /** Starts a module in a thread of its own. */
  startThread(module: URL, order: unknown): Thread;
  /** In such a thread: the order that it was started with. */
  order(): Promise<unknown>;
  /** Whether there is a `node:sqlite` with all that jobd needs of it. */
  hasSqlite(): boolean;
}

/** Whether this is what Deno throws when a program lacks a right. */
export function isNotCapable(error: unknown): boolean {
  return error instanceof Error && error.name === "NotCapable";
}
