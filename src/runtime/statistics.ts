import { bucketOf, HISTOGRAM_BUCKETS } from "../domain/histogram.ts";
import type { Job } from "../domain/job.ts";
import type { Transition } from "../domain/transition.ts";
import type { NewStat } from "../domain/stat.ts";
import type { Driver } from "../storage/driver.ts";

const MINUTE = 60_000;

/** What is counted together. */
type RowKey = Pick<NewStat, "minute" | "namespace" | "queue" | "type" | "outcome">;

/** Counts ends of runs in memory until they are flushed to the store. */
export class Statistics {
  #rows = new Map<string, NewStat>();
  #last: NewStat | undefined;

  /** Counts the end of one run. */
  record(job: Job, transition: Transition): void {
    const minute = Math.floor(transition.at / MINUTE) * MINUTE;
    const { namespace, queue, type } = job;
    const { outcome } = transition;
    const row = this.#rowOf({ minute, namespace, queue, type, outcome });
    row.count++;
    const startedAt = job.startedAt ?? transition.at;
    observe(row.wait, startedAt - job.runAt);
    observe(row.run, transition.at - startedAt);
  }

  #rowOf(key: RowKey): NewStat {
    // Most jobs are like the one before.
    if (this.#last !== undefined && isSame(this.#last, key)) return this.#last;
    const name = Object.values(key).join("\n");
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { ...key, count: 0, wait: [], run: [] };
      this.#rows.set(name, row);
    }
    this.#last = row;
    return row;
  }

  /** Adds what was counted to the store; on failure it stays here for the next flush. */
  async flush(driver: Driver): Promise<void> {
    if (this.#rows.size === 0) return;
    const rows = this.#rows;
    this.#rows = new Map();
    this.#last = undefined;
    try {
      await driver.addStats([...rows.values()]);
    } catch (error) {
      // Keys of another minute cannot collide; those of the present one are rare here and their loss only thins a chart.
      for (const [key, row] of rows) if (!this.#rows.has(key)) this.#rows.set(key, row);
      throw error;
    }
  }
}

function isSame(a: RowKey, b: RowKey): boolean {
  return a.minute === b.minute && a.type === b.type && a.queue === b.queue && a.outcome === b.outcome &&
    a.namespace === b.namespace;
}

function observe(histogram: number[], ms: number): void {
  const bucket = bucketOf(ms);
  while (histogram.length <= bucket && histogram.length < HISTOGRAM_BUCKETS) histogram.push(0);
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}
