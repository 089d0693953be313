import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The flags with which `deno task jobd` runs the program. */
export const SHIPPED_FLAGS: string[] = shippedFlags();

function shippedFlags(): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
  const match = /^deno run (.*) main\.ts$/.exec(tasks.jobd);
  if (match === null) throw new Error(`The task jobd is "${tasks.jobd}"`);
  return (match[1] ?? "").split(" ");
}

/** What a run of the program gave. */
export interface ProgramRun {
  code: number;
  stdout: string;
  stderr: string;
}

/** A folder of its own in which the real program is run with the flags it ships with. */
export class ProgramFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<ProgramFolder> {
    return new ProgramFolder(await Deno.makeTempDir({ prefix: "jobd-cli-" }));
  }

  /** Writes a file, executable when `mode` says so. */
  async write(name: string, text: string, mode = 0o600): Promise<string> {
    const path = `${this.path}/${name}`;
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, mode);
    return path;
  }

  /** The program, ready to start. */
  command(args: string[], options: { env?: Record<string, string>; flags?: string[] } = {}): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", ...options.flags ?? SHIPPED_FLAGS, `${ROOT}main.ts`, ...args],
      cwd: this.path,
      clearEnv: true,
      env: {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        HOME: Deno.env.get("HOME") ?? "/",
        API_PORT: "0",
        ...denoDir(),
        ...options.env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  /** Runs the program to its end. */
  async run(
    args: string[],
    options: { env?: Record<string, string>; flags?: string[] } = {},
  ): Promise<ProgramRun> {
    const { code, stdout, stderr } = await this.command(args, options).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  /** A shell line in which `jobd` is the program. */
  async shell(line: string): Promise<ProgramRun> {
    const program = `jobd() { '${Deno.execPath()}' run ${SHIPPED_FLAGS.join(" ")} '${ROOT}main.ts' "$@"; }`;
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", `set -o pipefail; ${program}; ${line}`],
      cwd: this.path,
      env: { API_PORT: "0" },
      stdin: "null",
    }).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

function denoDir(): Record<string, string> {
  const dir = Deno.env.get("DENO_DIR");
  return dir === undefined ? {} : { DENO_DIR: dir };
}

/** A daemon that runs; its log is read line by line. */
export class Daemon {
  readonly #child: Deno.ChildProcess;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #reading: Promise<void>;
  #over = false;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reading = this.#read();
  }

  /** What it has logged so far. */
  get lines(): readonly Record<string, unknown>[] {
    return this.#lines;
  }

  /** Waits for a log line with this message. */
  async logged(message: string): Promise<Record<string, unknown>> {
    for (;;) {
      const line = this.#lines.find((one) => one["message"] === message);
      if (line !== undefined) return line;
      if (this.#over) {
        throw new Error(`It ended without logging "${message}": ${JSON.stringify(this.#lines)}`);
      }
      await new Promise((next) => setTimeout(next, 20));
    }
  }

  /** Waits for so many log lines with this message. */
  async loggedTimes(message: string, times: number): Promise<Record<string, unknown>[]> {
    for (;;) {
      const lines = this.#lines.filter((one) => one["message"] === message);
      if (lines.length >= times) return lines;
      if (this.#over) throw new Error(`It ended after: ${JSON.stringify(this.#lines)}`);
      await new Promise((next) => setTimeout(next, 20));
    }
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for the end and gives the exit code. */
  async ended(): Promise<number> {
    const [{ code }] = await Promise.all([this.#child.status, this.#reading, this.#child.stdout.cancel()]);
    return code;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const part of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop() ?? "";
      this.#lines.push(...lines.map((line) => line.startsWith("{") ? JSON.parse(line) : { message: line }));
    }
    this.#over = true;
  }
}
