import type { System } from "../../domain/clock.ts";
import { type Amendment, endsJob, mayRelocate, maySetOff } from "../../domain/amendment.ts";
import type { NewBatch } from "../../domain/batch.ts";
import { JobdError } from "../../domain/errors.ts";
import type { NewEvent } from "../../domain/event.ts";
import type { NewJob } from "../../domain/job.ts";
import type { Queue } from "../../domain/queue.ts";
import type { JobState } from "../../domain/states.ts";
import { isContested } from "../../domain/unique.ts";
import type {
  AbsentWorkers,
  AmendResult,
  ClaimRequest,
  ClaimResult,
  CreatedBatch,
  Driver,
  InsertResult,
  Listener,
  MigrateOptions,
  MigrationStatus,
  PromoteResult,
  QueueChange,
  SettleBatch,
  SettleResult,
  StoreFact,
  TellRequest,
  TickCommit,
  TickCommitResult,
  ToldBatches,
  Wake,
  WatcherRow,
} from "../driver.ts";
import { noTransactions } from "../transaction.ts";
import { followUpsOf } from "../follow_ups.ts";
import { checkSchema, type Migration, planMigrations } from "../sql/migrations.ts";
import type { Dialect } from "../sql/dialect.ts";
import { isGathered, mayRegather, regather, regatherable } from "../sql/join_groups.ts";
import { publish } from "../sql/events.ts";
import { SqlOperations } from "../sql/operations.ts";
import { int, text } from "../sql/row.ts";
import { removeWatcher, saveWatcher, watchers } from "../sql/watchers.ts";
import type { Script } from "../sql/script.ts";
import { system as realSystem } from "../system.ts";
import { createBatch, tellBatches } from "./batches.ts";
import { backUp } from "./backup.ts";
import { Claimer } from "./claim.ts";
import { closedError, type Connection } from "./connection.ts";
import { sqliteDialect } from "./dialect.ts";
import { insertJobs } from "./insert.ts";
import { appliedMigrations, migrate } from "./migrate.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openConnection } from "./open.ts";
import { nextDueAt, promoteDue } from "./promote.ts";
import { settleRuns } from "./settle.ts";
import { commitTicks } from "./ticks.ts";
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

/** Whether there is something to be told of ends. */
const SOME_ENDED = "select 1 where exists (select 1 from ended) or exists (select 1 from batch_note)";

class SqliteDriver extends SqlOperations implements Driver {
  readonly backend = "sqlite";
  readonly location: string;
  readonly #path: string;
  readonly #system: System;
  readonly #migrations: readonly Migration[];
  readonly #claimer = new Claimer();
  #opening: Promise<Connection> | undefined;
  #wakes: Wakes | undefined;
  /** The watchers as they were when the file had this data version. */
  #watchers: { version: number; rows: WatcherRow[] } | undefined;
  #closed = false;
  /** Grows with each write of this process that may make jobs available, or pause their queue. */
  #changes = 0;
  #time = 0;

  constructor(path: string, { migrations = MIGRATIONS, ...system }: SqliteOptions) {
    super();
    this.#path = path;
    this.location = `sqlite:${path}`;
    this.#system = { ...realSystem, ...system };
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
    return await this.time();
  }

  async time(): Promise<number> {
    await this.#connect();
    // The host's clock may be set back; the store's time stands still then.
    this.#time = Math.max(this.#time, this.#system.now());
    return this.#time;
  }

  async inspect(): Promise<StoreFact[]> {
    // Loaded only here: node:fs, which tells the kind of file system, would double the start of a short command.
    const { inspectStore } = await import("./inspect.ts");
    const connection = await this.#connect();
    return await connection.read(() => inspectStore(connection, this.#migrations.at(-1)?.number ?? 0));
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
    const connection = await this.#connect();
    const inserted = connection.write(() => this.#changing(insertJobs(connection, jobs)));
    // Before the commit already: the claim of a worker that waits is queued behind the insert and shares its transaction.
    this.#ring("available", jobs.some((job) => job.runAt <= job.createdAt && !isGathered(job)));
    const results = await inserted;
    this.#ring(
      "scheduled",
      results.some(({ outcome, state }) => outcome !== "existing" && state === "scheduled") ||
        jobs.some(isGathered),
    );
    this.#ring(
      "available",
      results.some(({ outcome, state }) => outcome === "replaced" && state === "available"),
    );
    this.#ring("cancel", results.some(({ displaced }) => displaced?.state === "running"));
    this.#ring(
      "ended",
      results.some(({ state, displaced }) => state === "cancelled" || displaced?.state === "cancelled"),
    );
    return results;
  }

  insertWithin(): Promise<InsertResult[]> {
    return Promise.reject(noTransactions("SQLite"));
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const connection = await this.#connect();
    // An idle worker asks without taking the write lock, unless something is about to be written.
    if (!connection.writing) {
      const some = await connection.read(() => connection.get("select 1 from ready limit 1"));
      if (some === undefined) return { leaseId: null, jobs: [] };
    }
    return await connection.write(
      () => this.#claimer.claim(connection, request, `${this.#changes} ${dataVersion(connection)}`),
      () => this.#claimer.drop(),
    );
  }

  async settle(batch: SettleBatch): Promise<SettleResult[]> {
    const connection = await this.#connect();
    const inserts = batch.transitions.some(({ followUps }) => followUps !== undefined);
    const parks = batch.transitions.some(({ to }) => to === "blocked");
    const regathers = mayRegather(batch.transitions);
    const may = (state: JobState): boolean => inserts || batch.transitions.some(({ to }) => to === state);
    let ended = false;
    const settled = connection.write(() => {
      const results = settleRuns(connection, batch);
      if (regathers) {
        const again = regatherable(batch.transitions, (at) => results[at] === "applied");
        connection.drive(regather(sqliteDialect, again));
      }
      const followUps = inserts ? followUpsOf(batch.transitions, results) : [];
      if (followUps.length > 0) insertJobs(connection, followUps);
      ended = connection.get(SOME_ENDED) !== undefined;
      return parks || may("available") ? this.#changing(results) : results;
    });
    this.#ring("available", may("available"));
    const results = await settled;
    this.#ring("scheduled", may("scheduled") || regathers);
    // A job that was to be parked may have had its answer.
    this.#ring("any", parks);
    this.#ring("ended", ended);
    this.#ring("cancel", batch.transitions.some(({ followUps }) => followUps?.some(isContested) ?? false));
    return results;
  }

  async extend(worker: string, expiresAt: number, leases?: string[]): Promise<string[]> {
    const update = "update lease set expires_at = $2 where worker = $1 " +
      "and ($3 is null or id in (select value from json_each($3))) returning id";
    const named = leases === undefined ? null : JSON.stringify(leases.map(Number));
    const connection = await this.#connect();
    const rows = await connection.urgent(() => connection.all(update, worker, expiresAt, named));
    return rows.map((row) => text(row.id));
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

  /** There are no liveness locks here: processes of one machine are known in other ways. */
  absentWorkers(): Promise<AbsentWorkers> {
    return Promise.resolve({ epoch: "", workers: [] });
  }

  holdLiveness(): Promise<AsyncDisposable> {
    return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() });
  }

  // ── operators ───────────────────────────────────────────────────────────────────────────────────────────────────

  override async amend(amendments: Amendment[]): Promise<AmendResult[]> {
    const results = await super.amend(amendments);
    const applied = amendments.filter((_, index) => results[index] === "applied");
    this.#ring("available", applied.some(({ change }) => maySetOff(change)));
    this.#ring("any", applied.some(({ change }) => mayRelocate(change)));
    this.#ring("cancel", applied.some(({ change }) => change.kind === "requestCancel"));
    this.#ring("ended", applied.some(({ change }) => endsJob(change)));
    return results;
  }

  override async updateQueue(change: QueueChange): Promise<Queue> {
    const queue = await super.updateQueue(change);
    this.#ring("available", change.pausedAt === null);
    return queue;
  }

  protected override ring(wake: "any" | "ended" | "scheduled"): void {
    this.#ring(wake, true);
  }

  // ── events: written apart from what changes jobs, so that claims need not look anew ─────────────────────────────

  override async publish(events: NewEvent[]): Promise<void> {
    const connection = await this.#connect();
    await connection.write(() => connection.drive(publish(sqliteDialect, events)));
    this.#ring("event", events.length > 0);
  }

  override async saveWatcher(watcher: WatcherRow): Promise<number> {
    const connection = await this.#connect();
    await connection.write(() => connection.drive(saveWatcher(sqliteDialect, watcher)));
    this.#watchers = undefined;
    return 0;
  }

  override async removeWatcher(id: string): Promise<void> {
    const connection = await this.#connect();
    await connection.write(() => connection.drive(removeWatcher(sqliteDialect, id)));
    this.#watchers = undefined;
  }

  /** Read again only after a commit of another process; to see that there was none costs microseconds. */
  override async watchers(): Promise<WatcherRow[]> {
    const connection = await this.#connect();
    return await connection.read(() => {
      const version = dataVersion(connection);
      if (this.#watchers?.version !== version) {
        this.#watchers = { version, rows: connection.drive(watchers(sqliteDialect)) };
      }
      return this.#watchers.rows;
    });
  }

  async commitTicks(commits: TickCommit[]): Promise<TickCommitResult[]> {
    const results = await this.#write((connection) => commitTicks(connection, commits));
    this.#ringFor(results.flatMap(({ jobs }) => jobs));
    this.#ring("event", commits.some(({ events }) => events.length > 0));
    return results;
  }

  // ── workers, statistics, wake-ups ───────────────────────────────────────────────────────────────────────────────

  async createBatch(batch: NewBatch, jobs: NewJob[]): Promise<CreatedBatch> {
    const created = await this.#write((connection) => createBatch(connection, batch, jobs));
    this.#ringFor(created.jobs);
    this.#ring("ended", batch.sealedAt !== null && jobs.length === 0);
    return created;
  }

  protected override async countBatches(request: TellRequest): Promise<ToldBatches> {
    const told = await this.#write((connection) => tellBatches(connection, request));
    this.#ringFor(told.callbacks.map(({ result }) => result));
    return told;
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

  protected override async read<T>(script: (dialect: Dialect) => Script<T>): Promise<T> {
    const connection = await this.#connect();
    return await connection.snapshot(() => connection.drive(script(sqliteDialect)));
  }

  protected override change<T>(script: (dialect: Dialect) => Script<T>): Promise<T> {
    return this.#write((connection) => connection.drive(script(sqliteDialect)));
  }

  protected override changeAtOnce<T>(script: (dialect: Dialect) => Script<T>): Promise<T> {
    return this.change(script);
  }

  async #write<T>(work: (connection: Connection) => T): Promise<T> {
    const connection = await this.#connect();
    return await connection.write(() => this.#changing(work(connection)));
  }

  /** Something may have become available, or its queue paused. */
  #changing<T>(result: T): T {
    this.#changes += 1;
    return result;
  }

  #ringFor(inserted: InsertResult[]): void {
    for (const state of ["available", "scheduled"] as const) {
      this.#ring(state, inserted.some((job) => job.state === state));
    }
    // Those that gather wait for a time, too.
    this.#ring("scheduled", inserted.some(({ state }) => state === "blocked"));
    this.#ring("cancel", inserted.some(({ displaced }) => displaced?.state === "running"));
    this.#ring(
      "ended",
      inserted.some(({ state, displaced }) => state === "cancelled" || displaced?.state === "cancelled"),
    );
  }

  #ring(wake: Wake, when: boolean): void {
    if (when) this.#wakes?.ring(wake);
  }
}

/** Changes with each commit of another connection. */
function dataVersion(connection: Connection): number {
  return int(connection.get("pragma data_version")?.data_version);
}
