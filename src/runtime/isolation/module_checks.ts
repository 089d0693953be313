import { JobdError } from "../../domain/errors.ts";

/** A file of handlers, and what it defines. */
export interface ModuleNames {
  /** The file. */
  path: string;
  /** Types of jobs, former names included. */
  types: readonly string[];
  /** Schedules. */
  schedules: readonly { name: string }[];
}

/** The error for a file that holds no handler. */
export function nothingToRun(path: string, exports: number): JobdError {
  const what = exports === 0
    ? "it exports nothing"
    : "none of its exports is a definition with a `run`, or a schedule";
  return new JobdError("invalid_config", `${path} has no handlers: ${what}`, {
    hint: "Export what `defineJob({ type, run, ... })` gives.",
  });
}

/** @throws {JobdError} `invalid_config` for two definitions of one type, or two schedules of one name */
export function checkModules(modules: readonly ModuleNames[]): void {
  checkOnce("job type", modules.map(({ path, types }) => ({ path, names: types })));
  checkOnce(
    "schedule",
    modules.map(({ path, schedules }) => ({ path, names: schedules.map(({ name }) => name) })),
  );
}

function checkOnce(what: string, modules: readonly { path: string; names: readonly string[] }[]): void {
  const seen = new Map<string, string>();
  for (const { path, names } of modules) {
    for (const name of names) {
      const other = seen.get(name);
      if (other !== undefined) {
        const where = other === path ? `twice in ${path}` : `in ${other} and in ${path}`;
        throw new JobdError("invalid_config", `The ${what} "${name}" is defined ${where}`, {
          hint: "Keep one of them, or give one another name.",
        });
      }
      seen.set(name, path);
    }
  }
}
