import { formatDuration } from "../../../domain/duration.ts";
import type { ScheduleSpec } from "../../../domain/schedule.ts";
import { instant, relative } from "../format.ts";
import type { Part } from "../style.ts";
import { styled } from "../style.ts";

/** When a rule has ticks: "30 2 * * * in Europe/Berlin", "every 15m". */
export function timesText({ cron, timezone = "UTC", everyMs = 0 }: ScheduleSpec): string {
  return cron === undefined ? `every ${formatDuration(everyMs)}` : `${cron} in ${timezone}`;
}

/** An instant in full and seen from now; of another zone also what the clocks show there. */
export function tickParts(at: number, timezone: string | undefined, now: number): Part[] {
  if (timezone === undefined || timezone === "UTC") return [instant(at, now)];
  const shown = new Intl.DateTimeFormat("sv-SE", {
    timeZone: timezone,
    dateStyle: "short",
    timeStyle: "medium",
  }).format(at);
  return [`${shown} ${timezone}`, styled("dim", `  ${instant(at, now)}`)];
}

/** A tick in a table. */
export function tickCell(at: number | null, now: number): Part {
  return at === null ? styled("dim", "-") : relative(at, now);
}
