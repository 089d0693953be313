import { JobdError } from "../../domain/errors.ts";

/** A file of handlers, and the types of the jobs that they run. */
export interface ModuleTypes {
  /** The file. */
  path: string;
  /** Types, former names included. */
  types: readonly string[];
}

/** The error for a file that holds no handler. */
export function nothingToRun(path: string, exports: number): JobdError {
  const what = exports === 0 ? "it exports nothing" : "none of its exports is a definition with a `run`";
  return new JobdError("invalid_config", `${path} has no handlers: ${what}`, {
    hint: "Export what `defineJob({ type, run, ... })` gives.",
  });
}

/** @throws {JobdError} `invalid_config` for two definitions of one type */
export function checkModuleTypes(modules: readonly ModuleTypes[]): void {
  const seen = new Map<string, string>();
  for (const { path, types } of modules) {
    for (const type of types) {
      const other = seen.get(type);
      if (other !== undefined) {
        const where = other === path ? `twice in ${path}` : `in ${other} and in ${path}`;
        throw new JobdError("invalid_config", `The job type "${type}" is defined ${where}`, {
          hint: "Keep one of them, or give one another type.",
        });
      }
      seen.set(type, path);
    }
  }
}
