import { join } from "node:path";

// What clocks of 40 places do from 2024 to 2037, from the time zone database 2025b by way of Python's zoneinfo: neither the
// library that reads cron expressions nor the zone data of the runtime had a part in it. Each line: a zone, then for each
// change its instant in UTC and the minutes by which the clocks differ from UTC since then.

const MINUTE = 60_000;

/** From then on clocks differ from UTC by that much, in milliseconds. */
export interface ZoneChange {
  at: number;
  offset: number;
}

/** The changes of a zone; the first one says how it begins. */
export interface TableZone {
  name: string;
  changes: ZoneChange[];
}

/** The table. */
export async function zoneTable(): Promise<TableZone[]> {
  const text = await Deno.readTextFile(join(import.meta.dirname ?? "", "zone_changes.txt"));
  return text.trim().split("\n").map((line) => {
    const [name = "", ...changes] = line.split(" ");
    return {
      name,
      changes: changes.map((change) => ({
        at: Date.parse(`${change.slice(0, 16)}Z`),
        offset: Number(change.slice(16)) * MINUTE,
      })),
    };
  });
}

/** What clocks show, as if it were UTC, and what they showed before the latest change. */
export class TableClock {
  readonly #changes: readonly ZoneChange[];

  constructor({ changes }: TableZone) {
    this.#changes = changes;
  }

  /** The change that holds at an instant, and the one before it. */
  at(instant: number): { current: ZoneChange; before: ZoneChange | undefined } {
    const index = this.#changes.findLastIndex(({ at }) => at <= instant);
    const current = this.#changes[index];
    if (current === undefined) throw new Error("before the table begins");
    return { current, before: this.#changes[index - 1] };
  }

  /** What clocks show. */
  shows(instant: number): number {
    return instant + this.at(instant).current.offset;
  }

  /** Whether clocks have shown the same before, because they were put back. */
  isRepeat(instant: number): boolean {
    const { current, before } = this.at(instant);
    return before !== undefined && instant + current.offset < current.at + before.offset;
  }

  /** The times that clocks do not show because they are put forward at this instant: from, to. Minutes. */
  gapAt(instant: number): number[] {
    const { current, before } = this.at(instant);
    if (before === undefined || current.at !== instant || current.offset <= before.offset) return [];
    const minutes = (current.offset - before.offset) / MINUTE;
    return Array.from({ length: minutes }, (_, minute) => instant + before.offset + minute * MINUTE);
  }
}
