import type { Clock } from "../../domain/clock.ts";
import { JobdError, messageOf } from "../../domain/errors.ts";
import { pathToFileURL } from "node:url";
import type { JobDefinition } from "../definition.ts";
import type { Handler } from "../handler.ts";
import { definedSchedule } from "../schedule_definition.ts";
import type { LoadedModules } from "../worker_modules.ts";
import type { Processes } from "../process/processes.ts";
import { StartError } from "../process/start_error.ts";
import { BrokenModule, Child } from "./child.ts";
import { type ChildKind, ChildPool } from "./child_pool.ts";
import { childProgram, denoFor } from "./child_program.ts";
import { type Isolation, parseIsolation } from "./isolation.ts";
import { isolatedHandler } from "./isolated_handler.ts";
import { contentsOf, definitionsOf } from "./module_exports.ts";
import { checkModules, nothingToRun } from "./module_checks.ts";
import { modulePaths } from "./module_paths.ts";
import { type ProjectFlags, projectFlags } from "./project.ts";
import type { Described, DescribedSchedule, ModuleContents } from "./protocol.ts";

/** Options of {@linkcode loadModules}. */
export interface ModulesOptions {
  /** Starts and ends processes. */
  processes: Processes;
  /** Time. */
  clock: Clock;
  /** Processes of their own at most. */
  maxProcesses: number;
  /** Gives every module a process of its own, and no right that it does not declare. */
  isolate: boolean;
  /** The Deno for them. @default the one that runs this program */
  deno?: string;
}

/** Files of handlers, loaded by Deno. */
export interface Modules extends LoadedModules {
  /** The processes of those that have their own. */
  pool: ChildPool;
}

/** A module may take so long to load, in milliseconds; packages may have to be fetched. */
const LOAD_LIMIT_MS = 120_000;
/** Files that are looked at at the same time, each in a process. */
const LOADS_AT_ONCE = 8;
/** Without rights: enough to see what a module holds. */
const NOTHING = parseIsolation({ isolate: true }) as Isolation;

/**
 * Loads files of handlers: those that ask for it, in processes of their own; the others into this one. What a module asks for
 * is found out in a process without rights, so that isolated code never runs in this one.
 *
 * @throws {JobdError} `invalid_request` for a file that is not there; `invalid_config` for one that cannot be loaded or holds no
 * definition, for two definitions of one type, and where there is no Deno; `permission_denied` when Deno may not be started
 */
export async function loadModules(names: readonly string[], options: ModulesOptions): Promise<Modules> {
  const paths = await modulePaths(names);
  const modules: Module[] = [];
  for (let at = 0; at < paths.length; at += LOADS_AT_ONCE) {
    const some = paths.slice(at, at + LOADS_AT_ONCE);
    modules.push(...await Promise.all(some.map((path) => Module.load(path, options))));
  }
  checkModules(modules);
  const { processes, clock, maxProcesses } = options;
  const pool = new ChildPool({ processes, clock, max: maxProcesses });
  const handlers = modules.flatMap((module) => module.handlers(pool));
  const schedules = modules.flatMap((module) => module.schedules).map(definedSchedule);
  return { handlers, schedules, pool, close: () => pool.close() };
}

type Isolated = Described & { isolation: Isolation };

function isIsolated(described: Described): described is Isolated {
  return described.isolation !== undefined;
}

class Module {
  readonly path: string;
  readonly #options: ModulesOptions;
  readonly #project: ProjectFlags;
  /** Those that run in this process. */
  #own: JobDefinition[] = [];
  /** Those that do not. */
  #isolated: Isolated[] = [];
  /** The schedules that it defines. */
  schedules: readonly DescribedSchedule[] = [];

  static async load(path: string, options: ModulesOptions): Promise<Module> {
    const module = new Module(path, options, await projectFlags(path));
    await module.#load();
    return module;
  }

  private constructor(path: string, options: ModulesOptions, project: ProjectFlags) {
    this.path = path;
    this.#options = options;
    this.#project = project;
  }

  /** The types of its jobs, former names included. */
  get types(): string[] {
    return [...this.#own, ...this.#isolated].flatMap(({ type, aliases = [] }) => [type, ...aliases]);
  }

  handlers(pool: ChildPool): Handler[] {
    const { processes } = this.#options;
    const isolated = this.#isolated.map((described) =>
      isolatedHandler(described, this.#kind(described.isolation), { pool, processes })
    );
    return [...this.#own, ...isolated];
  }

  async #load(): Promise<void> {
    const { definitions, schedules, exports } = await this.#contents();
    const wanted = this.#options.isolate
      ? definitions.map((one) => ({ ...one, isolation: one.isolation ?? NOTHING }))
      : definitions;
    if (wanted.length === 0 && schedules.length === 0) throw nothingToRun(this.path, exports);
    this.schedules = schedules;
    this.#isolated = wanted.filter(isIsolated);
    if (this.#isolated.length === wanted.length) return;
    this.#own = definitionsOf(await this.#import()).filter(({ isolation }) => isolation === undefined);
  }

  /** What it holds, without running it here if that can be. */
  async #contents(): Promise<ModuleContents> {
    try {
      return await this.#inspect();
    } catch (error) {
      if (this.#options.isolate || isOurs(error)) throw this.#failure(error);
      // Where there is no Deno, or what the module does while it loads needs rights, only this process can tell.
      const exports = await this.#import();
      const definitions = definitionsOf(exports);
      if (!(error instanceof BrokenModule) && definitions.some(({ isolation }) => isolation !== undefined)) {
        throw this.#failure(error);
      }
      return await contentsOf(exports);
    }
  }

  async #inspect(): Promise<ModuleContents> {
    const { deno, processes, clock } = this.#options;
    const program = childProgram({
      deno: denoFor(deno),
      module: this.path,
      project: this.#project,
      isolation: NOTHING,
      mayDownload: true,
    });
    const child = new Child(program, { processes, clock });
    const cancel = clock.after(LOAD_LIMIT_MS, () => void child.end());
    try {
      return await child.ready;
    } finally {
      cancel();
      await child.end();
    }
  }

  async #import(): Promise<Record<string, unknown>> {
    try {
      return await import(pathToFileURL(this.path).href);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #kind(isolation: Isolation): ChildKind {
    const { deno } = this.#options;
    const options = { deno: denoFor(deno), module: this.path, project: this.#project, isolation };
    return {
      key: JSON.stringify([this.path, isolation]),
      isolation,
      program: childProgram({ ...options, mayDownload: false }),
    };
  }

  #failure(error: unknown): JobdError {
    if (error instanceof Deno.errors.NotCapable) return mayNotRun(error, denoFor(this.#options.deno));
    const message = `Cannot load the handlers of ${this.path}: ${
      error instanceof BrokenModule && error.refused !== undefined ? error.refused.message : messageOf(error)
    }`;
    if (error instanceof StartError) {
      return new JobdError("invalid_config", message, {
        cause: error,
        hint: "Name another Deno in JOBD_DENO, `worker.deno` of the config file, or the option `deno`.",
      });
    }
    if (error instanceof BrokenModule && error.refused !== undefined) {
      return new JobdError("invalid_config", message, {
        cause: error,
        hint:
          "What a module does while it loads gets no rights when every module is isolated: do it in `run`.",
      });
    }
    const hint = error instanceof JobdError && error.hint !== undefined ? { hint: error.hint } : {};
    return new JobdError("invalid_config", message, { cause: error, ...hint });
  }
}

/** Whether it is the machine that is wrong, and not the module. */
function isOurs(error: unknown): boolean {
  return error instanceof StartError || error instanceof Deno.errors.NotCapable;
}

function mayNotRun(error: Error, deno: string): JobdError {
  return new JobdError(
    "permission_denied",
    `Handlers in processes of their own need the right to run ${deno}`,
    {
      cause: error,
      hint: `Start jobd with --allow-run, or name it in the list: --allow-run=${deno},...`,
    },
  );
}
