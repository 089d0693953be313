import { system } from "../storage/system.ts";
import type { Modules } from "./isolation/modules.ts";
import type { Processes } from "./process/processes.ts";
import type { WorkerSettings } from "./worker_options.ts";

/** Files of handlers are loaded, and what loads them, only where there are any. */
export async function loadedModules(
  { modules, isolate, deno, concurrency }: WorkerSettings,
  processes: Processes,
): Promise<Modules | undefined> {
  if (modules.length === 0) return undefined;
  const { loadModules } = await import("./isolation/modules.ts");
  return await loadModules(modules, {
    processes,
    // Processes live in real time, whatever the clock of the store says.
    clock: system,
    maxProcesses: concurrency,
    isolate,
    ...(deno === undefined ? {} : { deno }),
  });
}
