import { messageOf } from "../domain/errors.ts";
import { storableFailure } from "../domain/failure.ts";
import type { Job } from "../domain/job.ts";
import { redactionOf } from "../domain/redaction.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Run, Transition } from "../domain/transition.ts";
import type { Driver } from "../storage/driver.ts";
import type { Clock } from "../domain/clock.ts";
import { AttemptWaits } from "./attempt_waits.ts";
import type { BackoffRules } from "./backoff_rules.ts";
import { hold } from "./encryption/hold.ts";
import type { Keyring } from "./encryption/keyring.ts";
import { execute } from "./executor.ts";
import { addFollowUp, type NewJobs } from "./follow_ups.ts";
import { executeGroup, type GroupAttempt } from "./groups/group_attempt.ts";
import type { Handler, StopReason } from "./handler.ts";
import { Leases } from "./leases.ts";
import { LogWriter } from "./log_writer.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import type { Logger } from "./logger.ts";
import type { QueueSettingsCache } from "./queue_settings.ts";
import { Settler } from "./settler.ts";
import { type Slot, Slots } from "./slots.ts";
import type { Statistics } from "./statistics.ts";
import type { StoreTime } from "./store_time.ts";
import { parentsOf } from "./parents.ts";
import { asHandled, redactedTraces } from "./redacted_attempt.ts";
import { Steps } from "./steps.ts";
import { Timers } from "./timers.ts";
import type { WorkerSettings } from "./worker_options.ts";

/** What the attempts of a worker need. */
export interface AttemptsOptions {
  /** The store. */
  driver: Driver;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  time: StoreTime;
  /** A number in [0, 1). */
  random(): number;
  /** The worker's id. */
  worker: string;
  /** What it was asked to do. */
  settings: WorkerSettings;
  /** Settings of the queues. */
  queues: QueueSettingsCache;
  /** How long to wait after failures. */
  backoff: BackoffRules;
  /** Where ends are counted. */
  statistics: Statistics;
  /** Where trouble is said. */
  log: Logger;
  /** Makes jobs of requests. */
  newJobs: NewJobs;
  /** Reads and writes encrypted jobs. */
  keyring: Keyring;
  /** Who knows which jobs have limits. */
  gatekeeper: Gatekeeper;
  /** Called when the end of an attempt is written. */
  onEnded(job: Job): void;
  /** Called when there is room for another one. */
  onFree(): void;
}

/** The attempts that a worker runs: from their claim to the moment when their end is written. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #slots = new Slots();
  readonly #leases: Leases;
  readonly #settler: Settler;
  readonly #logs: LogWriter;
  readonly #steps: Steps;
  readonly #timers: Timers;
  readonly #handlers = new Set<Promise<unknown>>();
  readonly #now = (): number => this.#options.time.now();
  readonly #waits = (job: Job): AttemptWaits => new AttemptWaits(job, { ...this.#options, now: this.#now });
  #stopped: StopReason | undefined;
  #givenUp = false;
  #running = 0;
  /** Jobs of groups besides the first of each: one call takes one place. */
  #followers = 0;

  constructor(options: AttemptsOptions) {
    const { driver, keyring, clock, random, worker, settings, backoff, log } = options;
    const { leaseMs, maxDeaths } = settings;
    const now = this.#now;
    this.#options = options;
    this.#timers = new Timers(clock);
    this.#leases = new Leases({ driver, clock, now, worker, leaseMs, onLost: (id) => this.#slots.lose(id) });
    this.#settler = new Settler({
      driver,
      clock,
      now,
      random,
      backoff: (job) => backoff.of(job),
      maxDeaths,
    });
    this.#steps = new Steps({ driver, keyring, now });
    this.#logs = new LogWriter({ driver, clock, now, log });
  }

  /** How many there are, with those whose end is being written; a group counts as one. */
  get size(): number {
    return this.#slots.size - this.#followers;
  }

  /** How many handlers run. */
  get running(): number {
    return this.#running;
  }

  /** Resolves when none runs. */
  idle(): Promise<void> {
    return this.#slots.idle();
  }

  /** Resolves when no handler runs; how the attempts ended may still have to be written. */
  async handlersEnded(): Promise<void> {
    await Promise.allSettled(this.#handlers);
  }

  /** Starts claimed jobs, those of a group together; `askedAt` is the monotonic time at which their claim was asked for. */
  begin(leaseId: string, { jobs, groups = [] }: { jobs: Job[]; groups?: string[][] }, askedAt: number): void {
    this.#settler.opened(leaseId, jobs.length);
    this.#leases.opened(leaseId, askedAt);
    const { handlers } = this.#options.settings;
    const slots = jobs.map((job) => this.#slots.take(asHandled(job, handlers.get(job.type)), leaseId));
    for (const slot of slots) {
      if (this.#stopped !== undefined) slot.stop.abort(this.#stopped);
      if (this.#givenUp) slot.lost.abort();
    }
    const grouped = groups.length === 0 ? undefined : this.#runGroups(slots, groups);
    for (const slot of slots) if (grouped?.has(slot) !== true) void this.#run(slot);
  }

  /** Gives those that are run so: what cannot be read here is held back, and does not keep the others of its group from running. */
  #runGroups(slots: readonly Slot[], groups: readonly string[][]): Set<Slot> {
    const byId = new Map(slots.map((slot) => [slot.job.id, slot]));
    const open = groups.map((ids) =>
      ids.flatMap((id) => byId.get(id) ?? []).filter(({ job }) => job.sealed === undefined)
    );
    for (const group of open) this.#runGroup(group);
    return new Set(open.flat());
  }

  /** One call for all of them; each of them ends by itself. */
  #runGroup(slots: Slot[]): void {
    const [first] = slots;
    if (first === undefined) return;
    const { time, random } = this.#options;
    const call = executeGroup(slots, {
      now: () => time.now(),
      random,
      execute: (group) => this.#execute(first, group),
    });
    for (const slot of slots) {
      const end = async () => await this.#encrypted(slot.job, await call.outcomeOf(slot));
      if (slot === first) void this.#run(slot, end);
      else {
        this.#followers++;
        void this.#run(slot, end).finally(() => this.#followers--);
      }
    }
  }

  /** Stops one attempt, if it runs here. */
  stop(run: Run, reason: StopReason): void {
    this.#slots.stop(run, reason);
  }

  /** Stops all attempts, and those that still begin. */
  stopAll(reason: StopReason): void {
    this.#stopped = reason;
    this.#slots.stopAll(reason);
  }

  /** Writes no ends any more, because the store does not answer: somebody else rescues what is left. */
  giveUp(): void {
    this.#givenUp = true;
    this.#slots.giveUp();
  }

  /** Renews the leases of what runs. */
  renewLeases(): Promise<void> {
    return this.#leases.renew();
  }

  /** Removes the leases whose jobs have all ended. */
  closeLeases(): Promise<void> {
    return this.#settler.closeLeases();
  }

  /** Stops attempts whose lease is about to end without having been renewed. */
  giveUpLapsing(): Promise<void> {
    return this.#leases.giveUpLapsing();
  }

  async #run(slot: Slot, execute = () => this.#execute(slot)): Promise<void> {
    const { log, onFree } = this.#options;
    const { job, leaseId, lost } = slot;
    let written = false;
    try {
      const outcome = await execute();
      if (outcome !== undefined) await this.#end(slot, this.#options.backoff.decided(job, outcome));
      else log.warn("Attempt given up: its lease was lost", { job: job.id, attempt: job.attempt });
      written = !lost.aborted;
    } catch (error) {
      const reason = redactionOf(job)?.text(messageOf(error)) ?? messageOf(error);
      log.error("The end of an attempt could not be written", { job: job.id, error: reason });
    } finally {
      if (written) this.#settler.finished(leaseId);
      else this.#settler.abandoned(leaseId);
      if (this.#slots.free(slot)) this.#leases.closed(leaseId);
      this.#options.gatekeeper.ended(job);
      this.#options.onEnded(job);
      onFree();
    }
  }

  async #execute(slot: Slot, group?: GroupAttempt): Promise<Outcome | undefined> {
    const { job, stop } = group ?? slot;
    const { clock, log, settings, queues, onFree } = this.#options;
    const handler = job.sealed === undefined ? settings.handlers.get(job.type) : hold(job, job.sealed);
    if (handler === undefined) return { kind: "released" };
    const jobs = group?.call.jobs ?? [job];
    for (const one of jobs) this.#warnOfPlain(one, handler);
    const timeoutMs = job.options.timeoutMs ?? queues.of(job.queue).timeoutMs ?? handler.timeoutMs ??
      settings.defaultTimeoutMs;
    const traces = redactedTraces(jobs, {
      log: this.#logs.open(job),
      progress: (note) => this.#logs.progress(job, note),
      redaction: undefined,
    });
    if (group !== undefined) group.call.redaction = traces.redaction;
    const running = execute(job, handler, {
      timers: this.#timers,
      clock,
      now: this.#now,
      timeoutMs,
      stop,
      group: group?.call,
      log: traces.log.write,
      progress: traces.progress,
      redaction: traces.redaction,
      steps: this.#steps,
      waits: this.#waits,
      parents: () => parentsOf(this.#options.driver, job),
      enqueue: (job, payload, options) => addFollowUp(slot, this.#options.newJobs, { job, payload, options }),
      onThrown: (thrown) => slot.thrown = thrown,
      onAbandoned: () => log.error("A handler ignores its abort signal", { job: job.id, type: job.type }),
    });
    this.#handlers.add(running);
    this.#running++;
    try {
      const outcome = await running;
      // What each job of a group gives is its own, and so is the key.
      return group === undefined && job.options.encrypted !== undefined
        ? await this.#encrypted(job, outcome)
        : outcome;
    } finally {
      slot.ended = true;
      this.#handlers.delete(running);
      this.#running--;
      onFree();
      const written = traces.log.close();
      if (written !== undefined) await written;
    }
  }

  /** It runs all the same: what was to be secret lies open already, and nothing is won by losing the job. */
  #warnOfPlain({ id, type, options }: Job, { encrypt = false }: Handler): void {
    const { keyring, log } = this.#options;
    if (options.encrypted !== undefined || !(encrypt || keyring.covers(type))) return;
    log.warn("A job that should be encrypted is stored in plain text", { job: id, type });
  }

  async #encrypted(job: Job, outcome: Outcome | undefined): Promise<Outcome | undefined> {
    if (outcome?.kind !== "completed" || job.options.encrypted === undefined) return outcome;
    const result = await this.#options.keyring.sealPart(job, { field: "result" }, outcome.result);
    return { ...outcome, result };
  }

  /** Writes the end; what the store refuses to take as it is becomes a failure that says so. */
  async #end(slot: Slot, outcome: Outcome): Promise<void> {
    try {
      await this.#settle(slot, outcome);
    } catch (error) {
      const message = `The end of the attempt could not be stored: ${messageOf(error)}`;
      const failure = storableFailure({ code: "internal", message }, redactionOf(slot.job));
      await this.#settle(slot, { kind: "failed", error: failure });
    }
  }

  async #settle(slot: Slot, outcome: Outcome): Promise<void> {
    const { job, lost } = slot;
    const { log, statistics } = this.#options;
    await this.#coolDown(job, outcome);
    const transition = await this.#settler.settle(job, outcome, lost, slot);
    if (transition === undefined) {
      if (this.#givenUp) return;
      log.warn("A late result changed nothing: the attempt is over", { job: job.id, attempt: job.attempt });
      return;
    }
    statistics.record(job, transition);
    const { id, type, attempt } = job;
    const fields = { job: id, type, attempt, outcome: transition.outcome, to: transition.to };
    if (transition.error === null) log.debug("Attempt ended", fields);
    else log.warn("Attempt ended", { ...fields, error: transition.error.message });
    if (outcome.kind === "failed" || outcome.kind === "died") this.#tellError(slot, transition);
  }

  /** Before the end is written: the next job of the key must not start in between. */
  async #coolDown(job: Job, outcome: Outcome): Promise<void> {
    if (outcome.kind !== "snoozed" || outcome.coolDown !== true) return;
    const { gatekeeper, time, log } = this.#options;
    try {
      await gatekeeper.coolDown(job, outcome.until ?? time.now() + outcome.delayMs);
    } catch (error) {
      log.warn("A key could not be cooled down", { job: job.id, type: job.type, error: messageOf(error) });
    }
  }

  /** Besides the log; what goes wrong there changes nothing here. */
  #tellError({ job, thrown }: Slot, transition: Transition): void {
    const { log, settings: { onError } } = this.#options;
    if (onError === undefined || transition.error === null) return;
    const { error, to } = transition;
    const failure = { job, error, thrown, willRetry: to === "scheduled" };
    Promise.try(onError, failure).catch((problem: unknown) => {
      log.error("The error handler failed", { job: job.id, error: messageOf(problem) });
    });
  }
}
