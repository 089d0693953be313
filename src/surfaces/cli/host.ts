import type { Clock } from "../../domain/clock.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import type { OpenOptions } from "../../runtime/jobd_options.ts";
import type { Driver } from "../../storage/driver.ts";
import type { OpenDriverOptions } from "../../storage/open.ts";
import type { ConfigFiles } from "../config/file.ts";

/** One of the two outputs of the program. */
export interface Sink {
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
  /** Aborted when nobody reads it any more; later writes do nothing. */
  readonly closed: AbortSignal;
  /** Characters that were written but not yet taken by the reader. */
  readonly pending: number;
  /** Width of the terminal in characters. */
  columns(): number;
  /** Queues text; never fails and never blocks. */
  write(text: string): void;
  /** Resolves when everything has been taken by the reader, or nobody reads. */
  flush(): Promise<void>;
  /** Forgets what nobody has taken so far, and what is still written. */
  abandon(): void;
}

/** Signals that the command line cares about. */
export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Everything the command line gets from the machine around it; tests make their own. */
export interface Host {
  /** The command line, without the program. */
  readonly args: readonly string[];
  /** An environment variable. */
  env(name: string): string | undefined;
  /** Where results go. */
  readonly stdout: Sink;
  /** Where notes, questions, errors and logs go. */
  readonly stderr: Sink;
  /** What is typed or piped in. */
  readonly stdin: {
    /** Whether a person would have to type it. */
    readonly isTerminal: boolean;
    /** The bytes. */
    stream(): ReadableStream<Uint8Array>;
    /** The answer to a question on the terminal; null without one. */
    ask(question: string): string | null;
  };
  /** Files. */
  readonly files: ConfigFiles & {
    /** The bytes of a file; closed by whoever reads it to the end or cancels it. */
    open(path: string): Promise<ReadableStream<Uint8Array>>;
  };
  /** Time. */
  readonly clock: Clock;
  /** Calls back for each signal until the returned function is called. */
  onSignal(name: SignalName, callback: () => void): () => void;
  /** Opens the facade. */
  openJobd(url: string, options: OpenOptions): Promise<Jobd>;
  /** Opens a store without looking at its schema. */
  openDriver(url: string, options: OpenDriverOptions): Promise<Driver>;
}
