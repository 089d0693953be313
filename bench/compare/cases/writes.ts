// @ts-types="@types/pg"
import { Client } from "pg";
import type { Bench, Case, Row } from "../case.ts";
import { type ContestantName, CONTESTANTS } from "../contestants.ts";
import type { SubjectOptions } from "../../harness/subject.ts";
import type { Task } from "../../harness/task.ts";

/** What one job costs PostgreSQL. */
export const WRITES: Case = {
  name: "writes",
  title: "WAL and dead rows per job",
  about:
    "50,000 no-ops are enqueued in bulk and then run. Bytes of write-ahead log for both, row versions left dead " +
    "(updates and deletes), and how many updates were HOT, which touch no index. Page images after a checkpoint are included.",
  chart: "wal",
  units: {
    "wal enqueue": "B/job",
    "wal run": "B/job",
    wal: "B/job",
    dead: "rows/job",
    hot: "% of updates",
  },
  ahead: ["jobd-postgres"],
  rounds: 3,
  rows: [
    row("jobd-postgres", 50_000),
    row("pg-boss-batch", 50_000),
    row("pg-boss", 20_000, { batch: 500 }),
    row("graphile-local", 50_000),
    row("bare-postgres", 50_000),
  ],
};

interface Counters {
  wal: number;
  updated: number;
  hot: number;
  deleted: number;
}

function row(name: ContestantName, full: number, options: SubjectOptions = {}): Row {
  const { label, store } = CONTESTANTS[name];
  return {
    id: name,
    label,
    store,
    async measure(bench) {
      await using place = await bench.fresh(store);
      const jobs = bench.size(full);
      const { url } = place;
      const before = await countersOf(url);
      await bench.run(name, { url, options, measure: "fill", jobs });
      const filled = await countersOf(url);
      await workOff(bench, name, { url, options, measure: "work", concurrency: 500, jobs });
      const after = await settledCounters(url);
      const updates = after.updated - before.updated;
      return {
        figures: {
          "wal enqueue": (filled.wal - before.wal) / jobs,
          "wal run": (after.wal - filled.wal) / jobs,
          wal: (after.wal - before.wal) / jobs,
          dead: (updates + after.deleted - before.deleted) / jobs,
          hot: updates === 0 ? 0 : (after.hot - before.hot) / updates * 100,
        },
      };
    },
  };
}

async function countersOf(url: string): Promise<Counters> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: [row] } = await client.query<Record<keyof Counters, string>>(`
      select pg_current_wal_insert_lsn() - '0/0' as wal, coalesce(sum(n_tup_upd), 0) as updated,
        coalesce(sum(n_tup_hot_upd), 0) as hot, coalesce(sum(n_tup_del), 0) as deleted
      from pg_stat_user_tables`);
    const number = (name: keyof Counters): number => Number(row?.[name]);
    return {
      wal: number("wal"),
      updated: number("updated"),
      hot: number("hot"),
      deleted: number("deleted"),
    };
  } finally {
    await client.end();
  }
}

async function workOff(bench: Bench, name: ContestantName, task: Task & { jobs: number }): Promise<void> {
  await using child = await bench.start(name, task);
  await child.go();
  await child.counted(task.jobs);
  await child.stop();
  await child.done();
}

/** Sessions hand in their statistics at their end or after a second: waits until two looks see the same. */
async function settledCounters(url: string): Promise<Counters> {
  for (let seen = await countersOf(url);;) {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const now = await countersOf(url);
    if (now.updated === seen.updated && now.deleted === seen.deleted) return now;
    seen = now;
  }
}
