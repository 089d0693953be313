import type { Driver, TypeCount } from "../storage/driver.ts";
import type { StoreTime } from "./store_time.ts";
import type { Workers } from "./workers.ts";

/** Each count stops there. */
const CAP = 1_000;
/** How far back ended runs make a type known, in milliseconds. */
const ENDED_MS = 86_400_000;

/** A type of jobs that is known from its jobs, or from workers that run it. */
export interface TypeInfo {
  /** Its name. */
  type: string;
  /** Its jobs by state, each counted up to a cap; completed ones are not counted. */
  jobs: Omit<TypeCount, "type">[];
  /** Workers that name it among what they run; those that run whatever comes are not told of. */
  workers: number;
  /** Ends of its runs within the last day, by how they ended. */
  ended: { [outcome: string]: number };
}

/** Types of jobs. */
export class Types {
  readonly #driver: Driver;
  readonly #namespace: string;
  readonly #time: StoreTime;
  readonly #workers: Workers;

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver; namespace: string; time: StoreTime; workers: Workers }) {
    this.#driver = options.driver;
    this.#namespace = options.namespace;
    this.#time = options.time;
    this.#workers = options.workers;
  }

  /** Those that have jobs which are not completed, that ran within the last day, or that workers run; by name. */
  async list(): Promise<TypeInfo[]> {
    const now = this.#time.now();
    const [counts, stats, workers] = await Promise.all([
      this.#driver.typeCounts(this.#namespace, CAP),
      this.#driver.stats({ namespace: this.#namespace, from: now - ENDED_MS, to: now + 60_000 }),
      this.#workers.list(),
    ]);
    const known = new Map<string, TypeInfo>();
    const of = (type: string): TypeInfo => {
      const info = known.get(type) ?? { type, jobs: [], workers: 0, ended: {} };
      known.set(type, info);
      return info;
    };
    for (const { type, ...count } of counts) of(type).jobs.push(count);
    for (const { type, outcome, count } of stats) {
      const { ended } = of(type);
      ended[outcome] = (ended[outcome] ?? 0) + count;
    }
    for (const { types } of workers) {
      if (types !== "all") { for (const type of types) of(type).workers++; }
    }
    return [...known.values()].sort((a, b) => a.type < b.type ? -1 : 1);
  }
}
