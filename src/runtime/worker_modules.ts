import { platform } from "../storage/platform/here.ts";
import { system } from "../storage/system.ts";
import type { Handler } from "./handler.ts";
import type { ScheduleDefinition } from "./schedule_definition.ts";
import type { WorkerSettings } from "./worker_options.ts";

/** Files of handlers, loaded. */
export interface LoadedModules {
  /** What runs their jobs. */
  handlers: Handler[];
  /** Schedules that they define. */
  schedules: ScheduleDefinition[];
  /** Ends the processes of those that have their own. */
  close(): Promise<void>;
}

/** Files of handlers are loaded, and what loads them, only where there are any. */
export async function loadedModules(
  { modules, isolate, deno, concurrency }: WorkerSettings,
): Promise<LoadedModules | undefined> {
  if (modules.length === 0) return undefined;
  if (platform.name !== "Deno") {
    const { loadHere } = await import("./isolation/load_here.ts");
    return await loadHere(modules);
  }
  const { Processes } = await import("./process/processes.ts");
  const { loadModules } = await import("./isolation/modules.ts");
  return await loadModules(modules, {
    // Processes live on this machine and in real time, whatever the worker takes for them.
    processes: new Processes(),
    clock: system,
    maxProcesses: concurrency,
    isolate,
    ...(deno === undefined ? {} : { deno }),
  });
}
