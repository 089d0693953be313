import { join } from "node:path";
import type { NewJob } from "../../src/domain/job.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { openSqlite, type SqliteOptions } from "../../src/storage/sqlite/driver.ts";
import { newJob } from "../conformance/world.ts";

/** A folder of its own for the files of one test, and drivers on them that are closed with it. */
export class SqliteFolder implements AsyncDisposable {
  readonly path: string;
  readonly #drivers: Driver[] = [];
  #jobs = 0;

  constructor() {
    this.path = Deno.makeTempDirSync({ prefix: "jobd-test-sqlite-" });
  }

  /** The path of a file in the folder. */
  file(name = "jobd.db"): string {
    return join(this.path, name);
  }

  /** A driver on a file that may not exist yet. */
  open(options: SqliteOptions = {}, name?: string): Driver {
    const driver = openSqlite(this.file(name), options);
    this.#drivers.push(driver);
    return driver;
  }

  /** A driver on a migrated file. */
  async openMigrated(options: SqliteOptions = {}): Promise<Driver> {
    const driver = this.open(options);
    await driver.migrate();
    return driver;
  }

  /** New jobs with ids of their own. */
  jobs(count: number, over: Partial<NewJob> = {}): NewJob[] {
    return Array.from({ length: count }, () => newJob(++this.#jobs, over));
  }

  /** Runs a program of this folder of tests in a process of its own and gives the lines that it printed. */
  async child(program: string, ...args: string[]): Promise<string[]> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-read",
        "--allow-write",
        join(import.meta.dirname ?? "", program),
        ...args,
      ],
      stdin: "null",
      stderr: "inherit",
    });
    const { success, stdout } = await child.output();
    if (!success) throw new Error(`${program} failed`);
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.#drivers) await driver.close();
    await Deno.remove(this.path, { recursive: true });
  }
}
