import type { Amendment } from "../../domain/amendment.ts";
import { JobdError } from "../../domain/errors.ts";
import type { Execution, Job, LogChunk, NewJob } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { Queue } from "../../domain/queue.ts";
import type { Run } from "../../domain/transition.ts";
import type {
  AbsentWorkers,
  AmendResult,
  ClaimRequest,
  ClaimResult,
  Driver,
  InsertResult,
  JobQuery,
  Listener,
  LogBatch,
  LogQuery,
  MigrateOptions,
  MigrationStatus,
  Orphan,
  Page,
  PromoteResult,
  PruneRequest,
  PruneResult,
  QueueChange,
  QueueCount,
  SettleBatch,
  SettleResult,
  StatRow,
  StoreFact,
  Wake,
  WorkerRow,
} from "../driver.ts";
import { amend } from "../sql/amend.ts";
import { counts } from "../sql/counts.ts";
import { executions, listExecutions } from "../sql/executions.ts";
import { find, get } from "../sql/find.ts";
import { list } from "../sql/list.ts";
import { appendLogs, logs } from "../sql/logs.ts";
import { checkSchema, type Migration, planMigrations } from "../sql/migrations.ts";
import { prune } from "../sql/prune.ts";
import { queues, updateQueue } from "../sql/queues.ts";
import { int, text } from "../sql/row.ts";
import type { Script } from "../sql/script.ts";
import { addStats, stats } from "../sql/stats.ts";
import { cancelRequests, orphans, overdue, progress } from "../sql/upkeep.ts";
import { removeWorker, saveWorker, workers } from "../sql/workers.ts";
import { backUp } from "./backup.ts";
import { Claimer } from "./claim.ts";
import { closedError, type Connection } from "./connection.ts";
import { sqliteDialect as d } from "./dialect.ts";
import { insertJobs } from "./insert.ts";
import { inspectStore } from "./inspect.ts";
import { appliedMigrations, migrate } from "./migrate.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openConnection } from "./open.ts";
import { nextDueAt, promoteDue } from "./promote.ts";
import { settleRuns } from "./settle.ts";
import { REAL_SYSTEM, type System } from "./system.ts";
import { Wakes } from "./wakes.ts";

/** Options of {@linkcode openSqlite}. */
export interface SqliteOptions extends Partial<System> {
  /** The schema's history. @default the migrations of this program */
  migrations?: readonly Migration[];
}

/**
 * The store in a SQLite file, which any number of processes of one machine may share. The file is opened by the first
 * call and made by {@linkcode Driver.migrate}.
 *
 * @param path a file, or `":memory:"`
 */
export function openSqlite(path: string, options: SqliteOptions = {}): Driver {
  return new SqliteDriver(path, options);
}

class SqliteDriver implements Driver {
  readonly backend = "sqlite";
  readonly location: string;
  readonly #path: string;
  readonly #system: System;
  readonly #migrations: readonly Migration[];
  readonly #claimer = new Claimer();
  #opening: Promise<Connection> | undefined;
  #wakes: Wakes | undefined;
  #closed = false;
  /** Grows with each write of this process that may make jobs available. */
  #writes = 0;
  #time = 0;

  constructor(path: string, { migrations = MIGRATIONS, ...system }: SqliteOptions) {
    this.#path = path;
    this.location = `sqlite:${path}`;
    this.#system = { ...REAL_SYSTEM, ...system };
    this.#migrations = migrations;
  }

  // ── the store itself ────────────────────────────────────────────────────────────────────────────────────────────

  async migrate(options: MigrateOptions = {}): Promise<MigrationStatus> {
    if (options.dryRun && await this.#isMissing()) return planMigrations(this.#migrations, [], options);
    const connection = await this.#connect(!options.dryRun);
    return await migrate(connection, { ...options, known: this.#migrations, now: this.#system.now() });
  }

  async ready(): Promise<number> {
    const connection = await this.#connect();
    const applied = await connection.read(() => appliedMigrations(connection));
    checkSchema(this.#migrations, applied, this.location);
    // The host's clock may be set back; the store's time stands still then.
    this.#time = Math.max(this.#time, this.#system.now());
    return this.#time;
  }

  async inspect(): Promise<StoreFact[]> {
    const connection = await this.#connect();
    return await connection.read(() => inspectStore(connection, this.#migrations.length));
  }

  async backup(path: string): Promise<void> {
    await backUp(await this.#connect(), path);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakes?.close();
    // A file that could not be opened needs no closing.
    const connection = await this.#opening?.catch(() => undefined);
    await connection?.close();
  }

  // ── the life of a job ───────────────────────────────────────────────────────────────────────────────────────────

  async insert(jobs: NewJob[]): Promise<InsertResult[]> {
    if (jobs.length === 0) return [];
    const results = await this.#write((connection) => insertJobs(connection, jobs));
    const created = results.filter(({ outcome }) => outcome === "created");
    this.#ring("available", created.some(({ state }) => state === "available"));
    this.#ring("scheduled", created.some(({ state }) => state === "scheduled"));
    return results;
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const connection = await this.#connect();
    // An idle worker asks without taking the write lock.
    const some = await connection.read(() => connection.get("select 1 from ready limit 1"));
    if (some === undefined) return { leaseId: null, jobs: [] };
    return await connection.write(
      () => this.#claimer.claim(connection, request, `${this.#writes} ${dataVersion(connection)}`),
      () => this.#claimer.drop(),
    );
  }

  async settle(batch: SettleBatch): Promise<SettleResult[]> {
    const results = await this.#write((connection) => settleRuns(connection, batch));
    const applied = batch.transitions.filter((_, index) => results[index] === "applied");
    this.#ring("available", applied.some(({ to }) => to === "available"));
    this.#ring("scheduled", applied.some(({ to }) => to === "scheduled"));
    return results;
  }

  async extend(worker: string, expiresAt: number): Promise<string[]> {
    const update = "update lease set expires_at = $2 where worker = $1 returning id";
    const rows = await this.#write((connection) => connection.all(update, worker, expiresAt));
    return rows.map((row) => text(row.id));
  }

  cancelRequests(worker: string): Promise<Run[]> {
    return this.#query(() => cancelRequests(d, worker));
  }

  progress(run: Run, note: Json): Promise<boolean> {
    return this.#change(() => progress(d, run, note));
  }

  appendLogs(batches: LogBatch[]): Promise<void> {
    return this.#change(() => appendLogs(d, batches));
  }

  // ── upkeep ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async promote(now: number, limit: number): Promise<PromoteResult> {
    const connection = await this.#connect();
    const next = await connection.read(() => nextDueAt(connection));
    if (next === null || next > now) return { promoted: 0, nextDueAt: next };
    const result = await this.#write(() => promoteDue(connection, now, limit));
    this.#ring("available", result.promoted > 0);
    return result;
  }

  orphans(request: { now: number; workers: string[]; limit: number }): Promise<Orphan[]> {
    return this.#query(() => orphans(d, request));
  }

  /** There are no liveness locks here: processes of one machine are known in other ways. */
  absentWorkers(): Promise<AbsentWorkers> {
    return Promise.resolve({ epoch: "", workers: [] });
  }

  holdLiveness(): Promise<AsyncDisposable> {
    return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() });
  }

  overdue(now: number, limit: number): Promise<Job[]> {
    return this.#query(() => overdue(d, now, limit));
  }

  prune(request: PruneRequest): Promise<PruneResult> {
    return this.#change(() => prune(d, request));
  }

  // ── operators ───────────────────────────────────────────────────────────────────────────────────────────────────

  get(ids: string[]): Promise<Job[]> {
    return this.#query(() => get(d, ids));
  }

  find(partialId: string, limit: number): Promise<Job[]> {
    return this.#query(() => find(d, partialId, limit));
  }

  list(query: JobQuery): Promise<Page<Job>> {
    return this.#query(() => list(d, query));
  }

  async amend(amendments: Amendment[]): Promise<AmendResult[]> {
    const results = await this.#change(() => amend(d, amendments));
    const applied = amendments.filter((_, index) => results[index] === "applied");
    this.#ring("available", applied.some(({ change }) => change.kind === "makeAvailable"));
    this.#ring("cancel", applied.some(({ change }) => change.kind === "requestCancel"));
    return results;
  }

  executions(jobId: string): Promise<Execution[]> {
    return this.#query(() => executions(d, jobId));
  }

  listExecutions(query: { namespace: string; limit: number; cursor?: string }): Promise<Page<Execution>> {
    return this.#query(() => listExecutions(d, query));
  }

  logs(query: LogQuery): Promise<LogChunk[]> {
    return this.#query(() => logs(d, query));
  }

  queues(namespace: string): Promise<Queue[]> {
    return this.#query(() => queues(d, namespace));
  }

  async updateQueue(change: QueueChange): Promise<Queue> {
    const queue = await this.#change(() => updateQueue(d, change));
    this.#ring("available", change.pausedAt === null);
    return queue;
  }

  counts(namespace: string, cap: number): Promise<QueueCount[]> {
    return this.#query(() => counts(d, namespace, cap));
  }

  // ── workers, statistics, wake-ups ───────────────────────────────────────────────────────────────────────────────

  saveWorker(worker: WorkerRow): Promise<void> {
    return this.#change(() => saveWorker(d, worker));
  }

  removeWorker(id: string): Promise<void> {
    return this.#change(() => removeWorker(d, id));
  }

  workers(seenAfter: number): Promise<WorkerRow[]> {
    return this.#query(() => workers(d, seenAfter));
  }

  addStats(rows: StatRow[]): Promise<void> {
    return this.#change(() => addStats(d, rows));
  }

  stats(query: { namespace: string; from: number; to: number }): Promise<StatRow[]> {
    return this.#query(() => stats(d, query));
  }

  async listen(onWake: (wake: Wake) => void): Promise<Listener> {
    const connection = await this.#connect();
    this.#wakes ??= new Wakes(this.#system, () => dataVersion(connection));
    return this.#wakes.add(onWake);
  }

  // ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Opens the file at the first call; a failure is not remembered, so the next call tries again. */
  async #connect(create = false): Promise<Connection> {
    if (this.#closed) throw closedError(this.#path);
    const inMemory = this.#path === ":memory:";
    this.#opening ??= openConnection(this.#path, this.#system, create || inMemory).catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return await this.#opening;
  }

  /** Whether there is no file yet. */
  async #isMissing(): Promise<boolean> {
    try {
      await this.#connect();
      return false;
    } catch (error) {
      if (error instanceof JobdError && error.code === "schema_missing") return true;
      throw error;
    }
  }

  async #query<T>(script: () => Script<T>): Promise<T> {
    const connection = await this.#connect();
    return await connection.snapshot(() => connection.drive(script()));
  }

  #change<T>(script: () => Script<T>): Promise<T> {
    return this.#write((connection) => connection.drive(script()));
  }

  async #write<T>(work: (connection: Connection) => T): Promise<T> {
    const connection = await this.#connect();
    const result = await connection.write(() => work(connection));
    this.#writes += 1;
    return result;
  }

  #ring(wake: Wake, when: boolean): void {
    if (when) this.#wakes?.ring(wake);
  }
}

/** Changes with each commit of another connection. */
function dataVersion(connection: Connection): number {
  return int(connection.get("pragma data_version")?.data_version);
}
