import { join } from "node:path";
import type { SubjectOptions } from "../harness/subject.ts";
import type { Program } from "./child.ts";
import type { Nodes } from "./peers.ts";

/** Where a queue keeps its jobs. */
export type StoreKind = "postgres" | "sqlite" | "redis";

/** A queue in one configuration. */
export interface Contestant {
  /** In tables and plots. */
  label: string;
  store: StoreKind;
  /** The file that measures it. */
  file: string;
  runtime: Runtime;
  options: SubjectOptions;
}

/** What runs its measured process. */
export type Runtime = "deno" | keyof Nodes;

/** Everything that is measured, each peer in the public configuration that served it best here. */
export const CONTESTANTS = {
  "jobd-postgres": jobd("postgres", "jobd, PostgreSQL"),
  "jobd-sqlite": jobd("sqlite", "jobd, SQLite"),
  "pg-boss-batch": pgBoss("pg-boss, settles 5000 as one", { batch: 5_000, workers: 4 }),
  "pg-boss": pgBoss("pg-boss, settles each job", { workers: 2, perJob: true }),
  "pg-boss-notify": pgBoss("pg-boss, LISTEN/NOTIFY", { workers: 1, batch: 1, notify: true }),
  graphile: graphile("graphile-worker, default", {}),
  "graphile-local": graphile("graphile-worker, localQueue 2000", { localQueue: 2_000, concurrency: 24 }),
  bullmq: { label: "BullMQ, Redis", store: "redis", file: "peers/bullmq.ts", runtime: "node24", options: {} },
  "plainjob-full": plainjob("plainjob, synchronous=FULL", { full: true }),
  "plainjob-normal": plainjob("plainjob, synchronous=NORMAL", { full: false }),
  "bare-postgres": bare("postgres", "limit: bare SQL, PostgreSQL"),
  "bare-sqlite": bare("sqlite", "limit: bare SQL, SQLite"),
} satisfies Record<string, Contestant>;

function jobd<Store extends "postgres" | "sqlite">(store: Store, label: string) {
  return { label, store, file: "subjects/jobd.ts", runtime: "deno", options: {} } as const;
}

function bare(store: "postgres" | "sqlite", label: string): Contestant {
  return { label, store, file: `subjects/bare_${store}.ts`, runtime: "deno", options: {} };
}

function pgBoss(label: string, options: SubjectOptions): Contestant {
  return { label, store: "postgres", file: "peers/pg_boss.ts", runtime: "node24", options };
}

function graphile(label: string, options: SubjectOptions): Contestant {
  return { label, store: "postgres", file: "peers/graphile_worker.ts", runtime: "node24", options };
}

function plainjob(label: string, options: SubjectOptions): Contestant {
  return { label, store: "sqlite", file: "peers/plainjob.ts", runtime: "node22", options };
}

/** The name of a contestant. */
export type ContestantName = keyof typeof CONTESTANTS;

const BENCH = join(import.meta.dirname ?? ".", "..");

/** What a Deno program of this repository is started with. */
export const DENO_RUN = [
  ...["run", "--quiet", "--frozen", "--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
  ...["--allow-env", "--allow-run", "--allow-sys"],
];

/** How its measured process starts. */
export async function programOf(contestant: Contestant, nodes: () => Promise<Nodes>): Promise<Program> {
  const { file, runtime } = contestant;
  const path = join(BENCH, file);
  if (runtime === "deno") {
    return { command: Deno.execPath(), args: [...DENO_RUN, path], cwd: join(BENCH, "..") };
  }
  const args = ["--disable-warning=ExperimentalWarning", path];
  return { command: (await nodes())[runtime], args, cwd: join(BENCH, "peers") };
}
