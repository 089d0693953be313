import { system } from "../storage/system.ts";
import type { Modules } from "./isolation/modules.ts";
import type { WorkerSettings } from "./worker_options.ts";

/** Files of handlers are loaded, and what loads them, only where there are any. */
export async function loadedModules(
  { modules, isolate, deno, concurrency }: WorkerSettings,
): Promise<Modules | undefined> {
  if (modules.length === 0) return undefined;
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
