import type { EngineContext } from "./engine_context.ts";
import { Watchdog } from "./watchdog.ts";
import type { WorkerSettings } from "./worker_options.ts";

/** For how long a blocked event loop is covered by the watchdog, in milliseconds. */
const BLOCKED_LIMIT_MS = 600_000;

/** The watchdog of a worker. It costs a thread, so there is one only where a handler can block the loop. */
export function watchdogOf(
  worker: string,
  { handlers, leaseMs, whenBlocked }: WorkerSettings,
  { store, log }: EngineContext,
): Watchdog | undefined {
  if (store === undefined || handlers.values().every(({ outOfProcess }) => outOfProcess)) return undefined;
  const unreadable = Watchdog.unreadable();
  if (unreadable !== undefined) {
    log.warn("There is no watchdog for handlers that block the event loop: its file may not be read", {
      file: unreadable,
    });
    return undefined;
  }
  return new Watchdog({ store, worker, leaseMs, limitMs: BLOCKED_LIMIT_MS, then: whenBlocked });
}
