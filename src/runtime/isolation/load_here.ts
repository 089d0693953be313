import { pathToFileURL } from "node:url";
import { JobdError, messageOf } from "../../domain/errors.ts";
import type { JobDefinition } from "../definition.ts";
import { definedSchedule } from "../schedule_definition.ts";
import { needsDeno } from "../needs_deno.ts";
import type { LoadedModules } from "../worker_modules.ts";
import { checkModules, type ModuleNames, nothingToRun } from "./module_checks.ts";
import { contentsOf, definitionsOf } from "./module_exports.ts";
import { modulePaths } from "./module_paths.ts";
import type { DescribedSchedule } from "./protocol.ts";

/**
 * Loads files of handlers into this process, where nothing else can be: in programs that Deno does not run.
 *
 * @throws {JobdError} `invalid_request` for a file that is not there; `invalid_config` for one that cannot be loaded, holds no
 * definition or one that wants a process of its own, and for two definitions of one type
 */
export async function loadHere(names: readonly string[]): Promise<LoadedModules> {
  const modules: Loaded[] = [];
  for (const path of await modulePaths(names)) modules.push(await loaded(path));
  checkModules(modules);
  return {
    handlers: modules.flatMap(({ definitions }) => definitions),
    schedules: modules.flatMap(({ schedules }) => schedules).map(definedSchedule),
    close: () => Promise.resolve(),
  };
}

interface Loaded extends ModuleNames {
  definitions: JobDefinition[];
  schedules: readonly DescribedSchedule[];
}

async function loaded(path: string): Promise<Loaded> {
  const exports = await load(path);
  const definitions = definitionsOf(exports);
  const { schedules } = await contentsOf(exports);
  if (definitions.length === 0 && schedules.length === 0) {
    throw nothingToRun(path, Object.keys(exports).length);
  }
  const isolated = definitions.find(({ isolation }) => isolation !== undefined);
  if (isolated !== undefined) {
    throw needsDeno(
      `The definition of "${isolated.type}" in ${path} wants a process of its own, which needs`,
      "invalid_config",
    );
  }
  const types = definitions.flatMap(({ type, aliases = [] }) => [type, ...aliases]);
  return { path, definitions, types, schedules };
}

async function load(path: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    throw new JobdError("invalid_config", `Cannot load the handlers of ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
