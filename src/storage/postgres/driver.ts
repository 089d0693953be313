// @ts-types="@types/pg"
import { Client } from "pg";
import type { Amendment } from "../../domain/amendment.ts";
import { JobdError } from "../../domain/errors.ts";
import type { Execution, Job, LogChunk, NewJob } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { Queue } from "../../domain/queue.ts";
import type { Run } from "../../domain/transition.ts";
import { isUuid } from "../../domain/uuid.ts";
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
import { prune } from "../sql/prune.ts";
import { queues, updateQueue } from "../sql/queues.ts";
import { int, text } from "../sql/row.ts";
import type { Script } from "../sql/script.ts";
import { addStats, stats } from "../sql/stats.ts";
import { cancelRequests, orphans, overdue, progress } from "../sql/upkeep.ts";
import { removeWorker, saveWorker, workers } from "../sql/workers.ts";
import { parseAddress } from "./address.ts";
import { Claimers } from "./claimers.ts";
import { Connections } from "./connections.ts";
import { postgresDialect } from "./dialect.ts";
import { Ear } from "./ear.ts";
import { Inserter } from "./inserter.ts";
import { inspect } from "./inspect.ts";
import { Absence, extendQuery, workerLock } from "./leases.ts";
import { checkReady, migrate } from "./migrate.ts";
import { type Names, schemaNames } from "./names.ts";
import { type Message, Notifier } from "./notifier.ts";
import { type Place, places } from "./place.ts";
import { promoteQuery } from "./promote.ts";
import { QueueIds } from "./queue_ids.ts";
import { runScript } from "./scripts.ts";
import { Settler } from "./settle.ts";
import { pause, realTiming, type Timing } from "./timing.ts";

/** Options of {@linkcode openPostgres}. */
export interface PostgresOptions extends Partial<Timing> {
  /** A direct connection for LISTEN and session locks when the main one is a pooler. @default the store's URL */
  listenUrl?: string;
  /** Whether statements are prepared; false behind a pooler in transaction mode. @default true */
  preparedStatements?: boolean;
  /** The schema that holds the tables: up to 41 of `a-z 0-9 _`. @default "jobd" */
  schema?: string;
  /** Connections at most, besides the one that listens. @default 4 */
  poolSize?: number;
}

/** A claim that began before a pause was committed has its lock by now: what a claim does before that takes microseconds. */
const CLAIM_BEGIN_MS = 50;

/**
 * Opens a store in PostgreSQL: `postgres://user:password@host:port/database`; of several hosts (`one:5432,two:5432`) the
 * first that can write is used. Connects when first used.
 *
 * @throws {JobdError} `invalid_config`, `invalid_request` for a URL or a schema name that cannot be.
 */
export function openPostgres(url: string, options: PostgresOptions = {}): Promise<Driver> {
  return Promise.resolve().then(() => new PostgresDriver(url, options));
}

class PostgresDriver implements Driver {
  readonly backend = "postgres";
  readonly location: string;
  readonly #names: Names;
  readonly #timing: Timing;
  readonly #connections: Connections;
  readonly #queueIds: QueueIds;
  readonly #inserter: Inserter;
  readonly #claimers: Claimers;
  readonly #settler: Settler;
  readonly #absence: Absence;
  readonly #notifier: Notifier;
  readonly #ear: Ear;
  readonly #listeners = new Set<(wake: Wake) => void>();
  readonly #id: string;
  #closed: Promise<void> | null = null;

  constructor(url: string, options: PostgresOptions) {
    const address = parseAddress(url);
    const names = schemaNames(options.schema ?? "jobd");
    const timing = { ...realTiming, ...options };
    const connections = new Connections({
      address,
      schema: names.schema,
      prepared: options.preparedStatements ?? true,
      size: options.poolSize ?? 4,
    });
    this.location = address.location;
    this.#names = names;
    this.#timing = timing;
    this.#connections = connections;
    this.#queueIds = new QueueIds(connections, names);
    this.#inserter = new Inserter(connections, names, this.#queueIds);
    this.#claimers = new Claimers({ connections, names, queues: this.#queueIds, timing });
    this.#settler = new Settler(connections, names);
    this.#absence = new Absence(connections, names);
    this.#id = crypto.randomUUID();
    this.#notifier = new Notifier(this.#id, (message) => this.#send(message), timing);
    this.#ear = this.#newEar(
      options.listenUrl === undefined ? address.urls : parseAddress(options.listenUrl).urls,
    );
  }

  // ── the store itself ──────────────────────────────────────────────────────────────────────────────────────────

  migrate(options: MigrateOptions = {}): Promise<MigrationStatus> {
    return migrate(this.#connections, this.#names, options);
  }

  ready(): Promise<number> {
    return checkReady(this.#connections, this.#names, this.location);
  }

  inspect(): Promise<StoreFact[]> {
    return inspect(this.#connections, this.#names, { location: this.location, live: this.#ear.live });
  }

  backup(): Promise<void> {
    const error = new JobdError("invalid_request", "A PostgreSQL store cannot be copied with this command", {
      hint: `Use \`pg_dump --schema=${this.#names.schema}\`, or the backups of the server.`,
    });
    return Promise.reject(error);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#notifier.close();
    await this.#ear.close();
    await this.#connections.close();
  }

  // ── the life of a job ─────────────────────────────────────────────────────────────────────────────────────────

  async insert(jobs: NewJob[]): Promise<InsertResult[]> {
    const { results, places, scheduled } = await this.#inserter.insert(jobs);
    this.#available(places);
    if (scheduled) this.#tell("scheduled");
    return results;
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.#claimers.claim(request);
  }

  async settle(batch: SettleBatch): Promise<SettleResult[]> {
    const { results, places, scheduled } = await this.#settler.settle(batch);
    this.#available(places);
    if (scheduled) this.#tell("scheduled");
    return results;
  }

  async extend(worker: string, expiresAt: number): Promise<string[]> {
    const rows = await this.#connections.query(extendQuery(this.#names), [worker, expiresAt]);
    return rows.map((row) => text(row.id));
  }

  cancelRequests(worker: string): Promise<Run[]> {
    return this.#run((d) => cancelRequests(d, worker));
  }

  progress(run: Run, note: Json): Promise<boolean> {
    return this.#run((d) => progress(d, run, note));
  }

  appendLogs(batches: LogBatch[]): Promise<void> {
    return this.#run((d) => appendLogs(d, batches));
  }

  // ── upkeep ────────────────────────────────────────────────────────────────────────────────────────────────────

  async promote(now: number, limit: number): Promise<PromoteResult> {
    const rows = await this.#connections.query(promoteQuery(this.#names), [now, limit]);
    const moved = rows.filter((row) => row.seq !== null);
    this.#available(places(moved));
    const next = rows.find((row) => row.next_due_at !== null);
    return { promoted: moved.length, nextDueAt: next === undefined ? null : int(next.next_due_at) };
  }

  orphans(request: { now: number; workers: string[]; limit: number }): Promise<Orphan[]> {
    return this.#run((d) => orphans(d, request));
  }

  async absentWorkers(): Promise<AbsentWorkers> {
    // A process that cannot see its own lock cannot judge those of others.
    return this.#ear.live ? await this.#absence.find() : { epoch: "unknown", workers: [] };
  }

  async holdLiveness(worker: string): Promise<AsyncDisposable> {
    await this.#ear.hold(worker);
    return { [Symbol.asyncDispose]: () => this.#ear.release(worker) };
  }

  overdue(now: number, limit: number): Promise<Job[]> {
    return this.#run((d) => overdue(d, now, limit));
  }

  prune(request: PruneRequest): Promise<PruneResult> {
    return this.#run((d) => prune(d, request));
  }

  // ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────

  get(ids: string[]): Promise<Job[]> {
    return this.#run((d) => get(d, ids.filter(isUuid)));
  }

  find(partialId: string, limit: number): Promise<Job[]> {
    return this.#run((d) => find(d, partialId, limit));
  }

  list(query: JobQuery): Promise<Page<Job>> {
    return this.#run((d) => list(d, query));
  }

  async amend(amendments: Amendment[]): Promise<AmendResult[]> {
    const results = await this.#run((d) => amend(d, amendments));
    const kinds = new Set(amendments.map(({ change }) => change.kind));
    if (kinds.has("makeAvailable")) {
      this.#claimers.suspect();
      this.#wake("available");
      this.#notifier.tell("any");
    }
    if (kinds.has("requestCancel")) this.#tell("cancel");
    return results;
  }

  async executions(jobId: string): Promise<Execution[]> {
    return isUuid(jobId) ? await this.#run((d) => executions(d, jobId)) : [];
  }

  listExecutions(query: { namespace: string; limit: number; cursor?: string }): Promise<Page<Execution>> {
    return this.#run((d) => listExecutions(d, query));
  }

  async logs(query: LogQuery): Promise<LogChunk[]> {
    return isUuid(query.jobId) ? await this.#run((d) => logs(d, query)) : [];
  }

  queues(namespace: string): Promise<Queue[]> {
    return this.#run((d) => queues(d, namespace));
  }

  async updateQueue(change: QueueChange): Promise<Queue> {
    const queue = await this.#run((d) => updateQueue(d, change));
    if (change.pausedAt === null) {
      this.#wake("available");
      this.#notifier.tell("any");
    } else if (change.pausedAt !== undefined) await this.#claimsEnd();
    return queue;
  }

  /** Waits for claims that began before this moment: they hold the lock shared, a later one waits behind us. */
  async #claimsEnd(): Promise<void> {
    await pause(this.#timing, CLAIM_BEGIN_MS);
    await this.#connections.query({ text: `select pg_advisory_xact_lock(${this.#names.lock("claims")})` });
  }

  counts(namespace: string, cap: number): Promise<QueueCount[]> {
    return this.#run((d) => counts(d, namespace, cap));
  }

  // ── workers and statistics ────────────────────────────────────────────────────────────────────────────────────

  saveWorker(worker: WorkerRow): Promise<void> {
    return this.#run((d) => saveWorker(d, worker));
  }

  removeWorker(id: string): Promise<void> {
    return this.#run((d) => removeWorker(d, id));
  }

  workers(seenAfter: number): Promise<WorkerRow[]> {
    return this.#run((d) => workers(d, seenAfter));
  }

  addStats(rows: StatRow[]): Promise<void> {
    return this.#run((d) => addStats(d, rows));
  }

  stats(query: { namespace: string; from: number; to: number }): Promise<StatRow[]> {
    return this.#run((d) => stats(d, query));
  }

  // ── wake-ups ──────────────────────────────────────────────────────────────────────────────────────────────────

  async listen(onWake: (wake: Wake) => void): Promise<Listener> {
    const listener = (wake: Wake): void => onWake(wake);
    await this.#ear.start();
    this.#listeners.add(listener);
    const live = (): boolean => this.#ear.live;
    return {
      get live() {
        return live();
      },
      [Symbol.asyncDispose]: () => {
        this.#listeners.delete(listener);
        return Promise.resolve();
      },
    };
  }

  #newEar(urls: string[]): Ear {
    return new Ear({
      connect: async () => {
        const client = new Client(this.#connections.config(await this.#connections.chooseServer(urls)));
        client.on("error", () => {});
        await client.connect();
        return client;
      },
      send: (message) => this.#send(message),
      id: this.#id,
      channel: this.#names.channel,
      workerLock: workerLock(this.#names, "$1::text"),
      timing: this.#timing,
      onMessage: (message) => void this.#hear(message),
      onLive: () => {
        this.#claimers.suspect();
        this.#wake("any");
      },
    });
  }

  #send(message: Message): Promise<unknown> {
    const query = { name: "jobd_notify", text: "select pg_notify($1, $2)" };
    return this.#connections.query(query, [this.#names.channel, JSON.stringify(message)]);
  }

  async #hear(message: Message): Promise<void> {
    if (message.from === this.#id) return;
    const places = (message.lanes ?? []).map(([queueId, rank, seq]) => ({ queueId, rank, seq }));
    try {
      await this.#queueIds.learn(places.map(({ queueId }) => queueId));
    } catch {
      // The queues stay unknown; the next look brings them.
    }
    this.#claimers.hint(places);
    if (message.any === true) this.#claimers.suspect();
    if (message.any === true) this.#wake("any");
    else if (places.length > 0) this.#wake("available");
    if (message.scheduled === true) this.#wake("scheduled");
    if (message.cancel === true) this.#wake("cancel");
  }

  #available(places: Place[]): void {
    if (places.length === 0) return;
    this.#claimers.hint(places);
    this.#wake("available");
    this.#notifier.available(places);
  }

  #tell(what: "scheduled" | "cancel"): void {
    this.#wake(what);
    this.#notifier.tell(what);
  }

  #wake(wake: Wake): void {
    for (const listener of this.#listeners) listener(wake);
  }

  #run<T>(script: (dialect: ReturnType<typeof postgresDialect>) => Script<T>): Promise<T> {
    return runScript(this.#connections, () => script(postgresDialect(this.#names)));
  }
}
