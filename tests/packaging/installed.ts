import assert from "node:assert/strict";
import { join } from "node:path";

/** What a command printed and how it ended. */
export interface Ended {
  code: number;
  out: string;
  error: string;
}

/** A packaged jobd, run from an empty folder that is also HOME, with next to nothing in its environment. */
export class Installed implements AsyncDisposable {
  private constructor(readonly path: string, readonly folder: string) {}

  static async create(path: string): Promise<Installed> {
    return new Installed(path, await Deno.makeTempDir());
  }

  /** Puts a shell script on the PATH. */
  async program(name: string, script: string): Promise<void> {
    await Deno.writeTextFile(join(this.folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  spawn(...args: string[]): Deno.ChildProcess {
    return new Deno.Command(this.path, {
      args,
      cwd: this.folder,
      clearEnv: true,
      env: { PATH: `${this.folder}:/usr/bin:/bin`, HOME: this.folder, API_PORT: "0" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async run(...args: string[]): Promise<Ended> {
    const { code, stdout, stderr } = await this.spawn(...args).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
  }

  /** Runs a command with `--json`, which must succeed. */
  async json(...args: string[]): Promise<Record<string, string>> {
    const { code, out, error } = await this.run(...args, "--json");
    assert.equal(code, 0, error);
    return JSON.parse(out);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
