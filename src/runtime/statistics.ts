import { bucketOf, HISTOGRAM_BUCKETS } from "../domain/histogram.ts";
import type { Job } from "../domain/job.ts";
import type { Transition } from "../domain/transition.ts";
import type { Driver, StatRow } from "../storage/driver.ts";

const MINUTE = 60_000;

/** Counts ends of runs in memory until they are flushed to the store. */
export class Statistics {
  #rows = new Map<string, StatRow>();

  /** Counts the end of one run. */
  record(job: Job, transition: Transition): void {
    const minute = Math.floor(transition.at / MINUTE) * MINUTE;
    const { namespace, queue, type } = job;
    const { outcome } = transition;
    const key = `${minute}\n${namespace}\n${queue}\n${type}\n${outcome}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { minute, namespace, queue, type, outcome, count: 0, wait: [], run: [] };
      this.#rows.set(key, row);
    }
    row.count++;
    const startedAt = job.startedAt ?? transition.at;
    observe(row.wait, startedAt - job.runAt);
    observe(row.run, transition.at - startedAt);
  }

  /** Adds what was counted to the store; on failure it stays here for the next flush. */
  async flush(driver: Driver): Promise<void> {
    if (this.#rows.size === 0) return;
    const rows = this.#rows;
    this.#rows = new Map();
    try {
      await driver.addStats([...rows.values()]);
    } catch (error) {
      // Keys of another minute cannot collide; those of the present one are rare here and their loss only thins a chart.
      for (const [key, row] of rows) if (!this.#rows.has(key)) this.#rows.set(key, row);
      throw error;
    }
  }
}

function observe(histogram: number[], ms: number): void {
  const bucket = bucketOf(ms);
  while (histogram.length <= bucket && histogram.length < HISTOGRAM_BUCKETS) histogram.push(0);
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}
