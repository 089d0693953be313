import {
  mergeStats,
  type NewStat,
  RESOLUTIONS,
  startOf,
  type StatFold,
  type StatRow,
} from "../../domain/stat.ts";
import type { StatQuery, StatStore } from "../stat_store.ts";
import { MemoryBase } from "./base.ts";
import { copy } from "./tables.ts";

const MINUTE = RESOLUTIONS[0];

/** The operations about statistics. */
export abstract class MemoryStats extends MemoryBase implements StatStore {
  /** As they came, of step 0, and put together. */
  #stats: StatRow[] = [];

  addStats(rows: NewStat[]): Promise<void> {
    return this.run(() => void this.#stats.push(...copy(rows).map((row) => ({ ...row, step: 0 }))));
  }

  stats({ namespace, from, to, queue, type }: StatQuery): Promise<StatRow[]> {
    return this.run(() => {
      const found = this.#stats.map((row) => ({ ...row, step: Math.max(row.step, MINUTE) })).filter((row) =>
        row.namespace === namespace && row.minute >= startOf(from, row.step) && row.minute < to &&
        (queue === undefined || row.queue === queue) && (type === undefined || row.type === type)
      );
      return mergeStats(found);
    });
  }

  foldStats({ from, to, before }: StatFold, limit: number): Promise<number> {
    return this.run(() => {
      const old = this.#stats.filter((row) => row.step === from && row.minute < before)
        .sort((a, b) => a.minute - b.minute).slice(0, limit);
      const taken = new Set(old);
      const kept = this.#stats.filter((row) => !taken.has(row));
      const coarser = to === null
        ? []
        : mergeStats(old.map((row) => ({ ...row, step: to, minute: startOf(row.minute, to) })));
      this.#stats = [...kept, ...coarser];
      return old.length;
    });
  }
}
