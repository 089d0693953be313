import { invalid } from "../domain/errors.ts";
import { statsBySteps } from "../domain/stat.ts";
import type { Driver } from "../storage/driver.ts";
import type { Stats, StatsOptions } from "./jobd_options.ts";
import type { Queues } from "./queues.ts";

const MINUTE_MS = 60_000;

/** Reads counts and ended runs. @throws {JobdError} `invalid_request` for a step that is no whole minute */
export async function readStats(
  { driver, queues, namespace, now: at }: { driver: Driver; queues: Queues; namespace: string; now: number },
  { sinceMs = 3_600_000, stepMs = MINUTE_MS }: StatsOptions,
): Promise<Stats> {
  if (!Number.isInteger(stepMs) || stepMs < MINUTE_MS || stepMs % MINUTE_MS !== 0) {
    throw invalid("stepMs", stepMs, "one or more whole minutes, such as 86400000 for a day");
  }
  const since = at - sinceMs;
  const counts = await queues.counts();
  const rows = await driver.stats({ namespace, from: since, to: at + MINUTE_MS });
  return { at, counts, since, rows: statsBySteps(rows, stepMs) };
}
