import type { NewStat, StatFold, StatRow } from "../../domain/stat.ts";
import type { StatQuery, StatStore } from "../stat_store.ts";
import { AccountOperations } from "./account_operations.ts";
import type { Dialect } from "./dialect.ts";
import type { Script } from "./script.ts";
import { addStats, foldStats, stats } from "./stats.ts";

/** The operations about statistics. */
export abstract class StatOperations extends AccountOperations implements StatStore {
  /** Runs a script that writes, all of it or nothing. */
  protected abstract change<T>(script: (dialect: Dialect) => Script<T>): Promise<T>;

  addStats(rows: NewStat[]): Promise<void> {
    return this.change((d) => addStats(d, rows));
  }

  stats(query: StatQuery): Promise<StatRow[]> {
    return this.read((d) => stats(d, query));
  }

  foldStats(fold: StatFold, limit: number): Promise<number> {
    return this.change((d) => foldStats(d, fold, limit));
  }
}
