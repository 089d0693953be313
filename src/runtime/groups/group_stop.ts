import type { StopReason } from "../handler.ts";
import { Stop } from "../stop.ts";

/**
 * Stops the one call for several attempts. A job that is cancelled does not stop the others; only when all are, or for any
 * other reason, the call must stop.
 */
export function groupStop(stops: readonly Stop<StopReason>[]): Stop<StopReason> {
  const all = new Stop<StopReason>();
  let cancelled = 0;
  for (const stop of stops) {
    stop.onAbort(() => {
      const reason = stop.reason as StopReason;
      if (reason !== "cancelled" || ++cancelled === stops.length) all.abort(reason);
    });
  }
  return all;
}
