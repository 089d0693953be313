import { join } from "node:path";
import type { Bench } from "./case.ts";
import { DENO_RUN } from "./contestants.ts";
import { TextLineStream } from "./lines.ts";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");
/** jobd's own program. */
export const MAIN = join(ROOT, "main.ts");

/** A program of this repository, as a user starts it. `await using` ends it. */
export class Started implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: Promise<void>;
  #waiting: { text: string; resolve: () => void } | undefined;

  /** Starts it with these arguments after `deno run` and its permissions. */
  constructor(args: string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...DENO_RUN, ...args],
      cwd: ROOT,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#lines = this.#read();
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves when it says this on stderr. */
  async says(text: string): Promise<void> {
    const said = new Promise<void>((resolve) => this.#waiting = { text, resolve });
    const early = this.#process.status.then(({ code }) => {
      throw new Error(`it ended with exit code ${code} before it said "${text}"`);
    });
    await Promise.race([said, early]);
  }

  /** Resolves when it has done what it should. */
  async ended(): Promise<void> {
    const { success, code } = await this.#process.status;
    if (!success) throw new Error(`exit code ${code}`);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#lines;
  }

  async #read(): Promise<void> {
    const text = this.#process.stderr.pipeThrough(new TextDecoderStream());
    for await (const line of text.pipeThrough(new TextLineStream())) {
      if (this.#waiting && line.includes(this.#waiting.text)) this.#waiting.resolve();
    }
  }
}

/** The daemon on this store. */
export function startCommand(url: string): string[] {
  return [MAIN, "start", "--database-url", url, "--log-format", "json"];
}

/** A fresh store with its schema. */
export async function migrated(
  bench: Bench,
  store: "postgres" | "sqlite",
): Promise<{ url: string } & AsyncDisposable> {
  const place = await bench.fresh(store);
  const args = [...DENO_RUN, MAIN, "migrate", "--database-url", place.url];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  if (success) return place;
  await place[Symbol.asyncDispose]();
  throw new Error(new TextDecoder().decode(stderr));
}
