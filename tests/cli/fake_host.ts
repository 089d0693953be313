import { Jobd } from "../../src/runtime/jobd.ts";
import { system } from "../../src/storage/system.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import type { Host, SignalName, Sink } from "../../src/surfaces/cli/host.ts";
import { runCommandLine } from "../../src/surfaces/cli/run.ts";

/** What a machine for one command line looks like. */
export interface FakeMachine {
  env?: Record<string, string>;
  /** Files by path; modules as objects. */
  files?: Record<string, string | Uint8Array<ArrayBuffer> | Record<string, unknown>>;
  stdin?: string;
  /** The answer that a person at the terminal gives; without one there is no terminal. */
  answer?: string;
  terminal?: boolean;
  /** Told of what is written to stdout. */
  onOutput?: (text: string) => void;
}

/** What a command line said and gave. */
export interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
  // deno-lint-ignore no-explicit-any
  json(): any;
}

/** A store in memory that command lines are run against. */
export class FakeWorld {
  readonly driver = new MemoryDriver();
  readonly #signals = new Map<SignalName, Set<() => void>>();

  /** The facade over the same store. */
  jobd(): Promise<Jobd> {
    return Jobd.open(unclosable(this.driver));
  }

  /** Sends a signal to the command that runs. */
  signal(name: SignalName): void {
    for (const callback of this.#signals.get(name) ?? []) callback();
  }

  /** Whether the command that runs wants to know of a signal. */
  listening(name: SignalName): boolean {
    return (this.#signals.get(name)?.size ?? 0) > 0;
  }

  /** Runs a command line. */
  async run(args: string[], machine: FakeMachine = {}): Promise<Ran> {
    const [stdout, stderr] = [
      new TextSink(machine.terminal ?? false, machine.onOutput),
      new TextSink(machine.terminal ?? false),
    ];
    const exitCode = await runCommandLine(this.#host(args, machine, stdout, stderr));
    return { exitCode, stdout: stdout.text, stderr: stderr.text, json: () => JSON.parse(stdout.text) };
  }

  #host(args: string[], machine: FakeMachine, stdout: TextSink, stderr: TextSink): Host {
    const { env = {}, files = {}, stdin = "", answer } = machine;
    const textOf = (path: string): string => {
      const file = files[path];
      if (typeof file !== "string") throw new Deno.errors.NotFound("No such file or directory (os error 2)");
      return file;
    };
    return {
      args,
      env: (name) => env[name],
      stdout,
      stderr: answer === undefined ? stderr : Object.assign(stderr, { isTerminal: true }),
      stdin: {
        isTerminal: answer !== undefined,
        stream: () => ReadableStream.from([new TextEncoder().encode(stdin)]),
        ask: () => answer ?? null,
      },
      files: {
        isFile: (path) => Promise.resolve(Object.hasOwn(files, path)),
        readText: (path) => Promise.resolve(textOf(path)),
        importModule: (path) => Promise.resolve(files[path] as Record<string, unknown>),
        open: async (path) => {
          const file = files[path];
          return ReadableStream.from([
            file instanceof Uint8Array ? file : new TextEncoder().encode(await textOf(path)),
          ]);
        },
      },
      clock: system,
      onSignal: (name, callback) => {
        const callbacks = this.#signals.get(name) ?? new Set();
        this.#signals.set(name, callbacks.add(callback));
        return () => callbacks.delete(callback);
      },
      openJobd: (_, options) => Jobd.open(unclosable(this.driver), options),
      openDriver: () => Promise.resolve(unclosable(this.driver)),
    };
  }
}

class TextSink implements Sink {
  isTerminal: boolean;
  readonly closed = new AbortController().signal;
  readonly pending = 0;
  text = "";

  readonly #onOutput: ((text: string) => void) | undefined;

  constructor(isTerminal: boolean, onOutput?: (text: string) => void) {
    this.isTerminal = isTerminal;
    this.#onOutput = onOutput;
  }

  columns(): number {
    return 120;
  }

  write(text: string): void {
    this.text += text;
    this.#onOutput?.(text);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  abandon(): void {}
}

/** The same store for one command after the other: each closes what it opened. */
function unclosable(driver: Driver): Driver {
  return new Proxy(driver, {
    get(target, key) {
      if (key === "close") return () => Promise.resolve();
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
