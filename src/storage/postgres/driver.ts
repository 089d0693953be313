import { sleep, type System } from "../../domain/clock.ts";
import type { Amendment } from "../../domain/amendment.ts";
import type { NewBatch } from "../../domain/batch.ts";
import { JobdError } from "../../domain/errors.ts";
import type { NewEvent } from "../../domain/event.ts";
import type { NewJob } from "../../domain/job.ts";
import type { Queue } from "../../domain/queue.ts";
import type {
  AbsentWorkers,
  AmendResult,
  ClaimRequest,
  ClaimResult,
  CloseOptions,
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
import type { Dialect } from "../sql/dialect.ts";
import { SqlOperations } from "../sql/operations.ts";
import { int, text } from "../sql/row.ts";
import type { Script } from "../sql/script.ts";
import { system as realSystem } from "../system.ts";
import { parseAddress } from "./address.ts";
import { type BatchSite, createBatch, tellBatches, type WithEffects } from "./batches.ts";
import { Claimers } from "./claimers.ts";
import { Connections } from "./connections.ts";
import { postgresDialect } from "./dialect.ts";
import { Ear } from "./ear.ts";
import { type Inserted, Inserter } from "./inserter.ts";
import { inspect } from "./inspect.ts";
import { Absence, extendQuery, workerLock } from "./leases.ts";
import { migrate } from "./migrate.ts";
import { type Names, schemaNames } from "./names.ts";
import { type Message, Notifier, type Ring } from "./notifier.ts";
import { type Place, places } from "./place.ts";
import { news } from "./news.ts";
import { promoteQuery } from "./promote.ts";
import { QueueIds } from "./queue_ids.ts";
import type { PostgresOptions } from "./options.ts";
import { checkReady, readTime } from "./ready.ts";
import { Recent } from "./recent.ts";
import { runScript, runStatements } from "./scripts.ts";
import { Settler } from "./settle.ts";
import { runnerOf, type Transaction } from "../transaction.ts";
import { commitTicks } from "./ticks.ts";
import { insertWithin } from "./within.ts";

export type { PostgresOptions } from "./options.ts";

/**
 * For how long the watchers that were read are believed, in milliseconds. Whoever changes jobs asks for them, so a busy
 * process with nobody watching reads an empty table four times a second, and an idle one never. It is also how long a new
 * watcher may be unknown: nobody need be told of it, which works without LISTEN too.
 */
const WATCHERS_FRESH_MS = 250;
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

class PostgresDriver extends SqlOperations implements Driver {
  readonly backend = "postgres";
  readonly location: string;
  readonly #names: Names;
  readonly #system: System;
  readonly #connections: Connections;
  readonly #queueIds: QueueIds;
  readonly #inserter: Inserter;
  readonly #claimers: Claimers;
  readonly #settler: Settler;
  readonly #absence: Absence;
  readonly #watchers: Recent<WatcherRow[]>;
  readonly #notifier: Notifier;
  readonly #ear: Ear;
  readonly #listeners = new Set<(wake: Wake) => void>();
  readonly #id: string;
  #closed: Promise<void> | null = null;

  constructor(url: string, options: PostgresOptions) {
    super();
    const address = parseAddress(url);
    const names = schemaNames(options.schema ?? "jobd");
    const system = { ...realSystem, ...options };
    const connections = new Connections({
      address,
      schema: names.schema,
      prepared: options.preparedStatements ?? true,
      size: options.poolSize ?? 4,
      ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    });
    this.location = address.location;
    this.#names = names;
    this.#system = system;
    this.#connections = connections;
    this.#queueIds = new QueueIds(connections, names);
    this.#inserter = new Inserter(connections, names, this.#queueIds);
    this.#claimers = new Claimers({ connections, names, queues: this.#queueIds, system });
    this.#settler = new Settler(connections, names, this.#inserter);
    this.#absence = new Absence(connections, names);
    this.#watchers = new Recent(system, WATCHERS_FRESH_MS, () => super.watchers());
    this.#id = crypto.randomUUID();
    const silent = options.notify === false;
    this.#notifier = new Notifier({ from: this.#id, send: (message) => this.#send(message), system, silent });
    this.#ear = this.#newEar(
      options.listenUrl === undefined ? address.urls : parseAddress(options.listenUrl).urls,
    );
  }

  // ── the store itself ──────────────────────────────────────────────────────────────────────────────────────────

  migrate(options: MigrateOptions = {}): Promise<MigrationStatus> {
    const site = { connections: this.#connections, names: this.#names, location: this.location };
    return migrate(site, options);
  }

  ready(): Promise<number> {
    return checkReady(this.#connections, this.#names, this.location);
  }

  time(): Promise<number> {
    return readTime(this.#connections);
  }

  inspect(): Promise<StoreFact[]> {
    return inspect(this.#connections, this.#names, { live: this.#ear.live });
  }

  backup(): Promise<void> {
    const error = new JobdError("invalid_request", "A PostgreSQL store cannot be copied with this command", {
      hint: `Use \`pg_dump --schema=${this.#names.schema}\`, or the backups of the server.`,
    });
    return Promise.reject(error);
  }

  async close({ withinMs }: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close();
    if (withinMs === undefined) return await this.#closed;
    const cancel = this.#system.after(withinMs, () => this.#connections.drop());
    await this.#closed.finally(cancel);
  }

  async #close(): Promise<void> {
    await this.#notifier.close();
    await this.#ear.close();
    await this.#connections.close();
  }

  // ── the life of a job ─────────────────────────────────────────────────────────────────────────────────────────

  async insert(jobs: NewJob[]): Promise<InsertResult[]> {
    const { results, ...effects } = await this.#inserter.insert(jobs);
    this.#announce(effects);
    return results;
  }

  async insertWithin(transaction: Transaction, jobs: NewJob[]): Promise<InsertResult[]> {
    const run = runnerOf(transaction);
    const { results, places, scheduled, amendments } = await insertWithin(this.#inserter, run, jobs);
    await this.#notifier.within(run, this.#names.channel, { places, scheduled, ...news(amendments) });
    return results;
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.#claimers.claim(request);
  }

  async settle(batch: SettleBatch): Promise<SettleResult[]> {
    const { results, awaited, parked, ...effects } = await this.#settler.settle(batch);
    this.#announce(effects);
    if (parked.timed) this.ring("parked");
    if (parked.released) this.ring("any");
    if (awaited) this.#wake("ended");
    return results;
  }

  async extend(worker: string, expiresAt: number, leases?: string[]): Promise<string[]> {
    const named = leases === undefined ? null : JSON.stringify(leases);
    const rows = await this.#connections.urgent(extendQuery(this.#names), [worker, expiresAt, named]);
    return rows.map((row) => text(row.id));
  }

  // ── upkeep ────────────────────────────────────────────────────────────────────────────────────────────────────

  async promote(now: number, limit: number): Promise<PromoteResult> {
    const rows = await this.#connections.query(promoteQuery(this.#names), [now, limit]);
    const moved = rows.filter((row) => row.seq !== null);
    this.#available(places(moved));
    const next = rows.find((row) => row.next_due_at !== null);
    return { promoted: moved.length, nextDueAt: next === undefined ? null : int(next.next_due_at) };
  }

  async absentWorkers(): Promise<AbsentWorkers> {
    // A process that cannot see its own lock cannot judge those of others.
    return this.#ear.live ? await this.#absence.find() : { epoch: "unknown", workers: [] };
  }

  async holdLiveness(worker: string): Promise<AsyncDisposable> {
    await this.#ear.hold(worker);
    return { [Symbol.asyncDispose]: () => this.#ear.release(worker) };
  }

  // ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────

  override async amend(amendments: Amendment[]): Promise<AmendResult[]> {
    const results = await super.amend(amendments);
    this.#announceAmendments(amendments);
    return results;
  }

  #announce({ places, scheduled, amendments, ended }: Omit<Inserted, "results">): void {
    this.#available(places);
    if (scheduled) this.ring("scheduled");
    if (ended) this.ring("ended");
    this.#announceAmendments(amendments);
  }

  #announceAmendments(amendments: Amendment[]): void {
    const { available, cancel, ended } = news(amendments);
    if (available) this.ring("any");
    if (cancel) this.ring("cancel");
    if (ended) this.ring("ended");
  }

  override async updateQueue(change: QueueChange): Promise<Queue> {
    const queue = await super.updateQueue(change);
    if (change.pausedAt === null) {
      this.#claimers.suspect();
      this.#wake("available");
      this.#notifier.tell("any");
    } else if (change.pausedAt !== undefined) await this.#claimsEnd();
    return queue;
  }

  /** Waits for claims that began before this moment: they hold the lock shared, a later one waits behind us. */
  async #claimsEnd(): Promise<void> {
    await sleep(this.#system, CLAIM_BEGIN_MS);
    await this.#connections.query({ text: `select pg_advisory_xact_lock(${this.#names.lock("claims")})` });
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────────────────────

  override async publish(events: NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    await super.publish(events);
    this.ring("event");
  }

  override async saveWatcher(watcher: WatcherRow): Promise<number> {
    await super.saveWatcher(watcher);
    this.#watchers.forget();
    return WATCHERS_FRESH_MS;
  }

  override watchers(): Promise<WatcherRow[]> {
    return this.#watchers.get();
  }

  async commitTicks(commits: TickCommit[]): Promise<TickCommitResult[]> {
    const { results, told, ...effects } = await commitTicks(this.#site, commits);
    this.#announce(effects);
    if (told) this.ring("event");
    return results;
  }

  async createBatch(batch: NewBatch, jobs: NewJob[]): Promise<CreatedBatch> {
    return this.#told(await createBatch(this.#site, batch, jobs));
  }

  protected override async countBatches(request: TellRequest): Promise<ToldBatches> {
    return this.#told(await tellBatches(this.#site, request));
  }

  #told<T>({ answer, effects }: WithEffects<T>): T {
    this.#announce(effects);
    return answer;
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

  get #site(): BatchSite {
    return { connections: this.#connections, names: this.#names, inserter: this.#inserter };
  }

  #newEar(urls: string[]): Ear {
    return new Ear({
      connect: async () => {
        const client = this.#connections.client(await this.#connections.chooseServer(urls));
        await client.connect();
        return client;
      },
      send: (message) => this.#send(message),
      id: this.#id,
      channel: this.#names.channel,
      workerLock: workerLock(this.#names, "$1::text"),
      system: this.#system,
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
    if (message.parked === true) this.#wake("parked");
    if (message.cancel === true) this.#wake("cancel");
    if (message.ended === true) this.#wake("ended");
    if (message.event === true) this.#wake("event");
  }

  #available(places: Place[]): void {
    if (places.length === 0) return;
    this.#claimers.hint(places);
    this.#wake("available");
    this.#notifier.available(places);
  }

  protected override ring(what: Ring): void {
    if (what === "any") this.#claimers.suspect();
    this.#wake(what);
    this.#notifier.tell(what);
  }

  #wake(wake: Wake): void {
    for (const listener of this.#listeners) listener(wake);
  }

  protected override read<T>(script: (dialect: Dialect) => Script<T>): Promise<T> {
    return runStatements(this.#connections, () => script(postgresDialect(this.#names)));
  }

  protected override changeAtOnce<T>(script: (dialect: Dialect) => Script<T>): Promise<T> {
    return this.read(script);
  }

  protected override change<T>(script: (dialect: Dialect) => Script<T>): Promise<T> {
    return runScript(this.#connections, () => script(postgresDialect(this.#names)));
  }
}
