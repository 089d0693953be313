import { invalid } from "../domain/errors.ts";
import type { NewJob } from "../domain/job.ts";
import type { JobDefinition } from "../runtime/definition.ts";
import type { Enqueued } from "../runtime/enqueued.ts";
import type { Handler } from "../runtime/handler.ts";
import type { Jobd } from "../runtime/jobd.ts";
import type { ScheduleRunner } from "../runtime/schedule_runner.ts";
import { type Handlers, type WorkerOptions, workerSettings } from "../runtime/worker_options.ts";
import { assertEnqueued, matching, refuteEnqueued } from "./assertions.ts";
import { drain, type DrainOptions, type DrainReport, noHandlers } from "./drain.ts";
import { expectation, type ExpectedCount, type ExpectedJob } from "./expected_job.ts";
import type { FakeClock } from "./fake_clock.ts";
import type { Faults } from "./faults.ts";
import { InlineRuns } from "./inline.ts";
import { type AttemptOptions, type Performed, performIn } from "./perform.ts";
import { producer } from "./producer.ts";
import { CLOSE_MS, startWorker, type TestWorker } from "./test_worker.ts";
import { makeTime, openStore, type StoreOptions, type TimeOptions, World } from "./world.ts";

/**
 * What happens to jobs that are enqueued: nothing until the test says so; they run at once, before `enqueue` answers; they
 * are accepted and forgotten.
 */
export type TestMode = "manual" | "inline" | "discard";

/** Settings of the workers of a test, beside their handlers. */
export type TestWorkerSettings = Partial<Omit<WorkerOptions, "handlers" | "modules">>;

/** Options of {@linkcode TestJobd.open}. */
export interface TestJobdOptions extends TimeOptions, StoreOptions {
  /** What runs jobs; not needed by tests that only look at what is enqueued. */
  handlers?: Handlers;
  /** What happens to jobs that are enqueued. @default "manual" */
  mode?: TestMode;
  /**
   * With `inline`: whether `enqueue` throws when the job's attempt fails. Without it the failure is stored, as in
   * production, where `enqueue` never hears of it. @default false
   */
  throwFailures?: boolean;
  /** Settings of all workers of the test, such as `middleware` and `backoff`. */
  worker?: TestWorkerSettings;
}

const MODES: readonly TestMode[] = ["manual", "inline", "discard"];

/**
 * A jobd for tests: a real {@linkcode Jobd} with real workers, on a store in memory, at a time that the test moves and
 * with chance that follows from a seed. Each one is a world of its own, so tests may run side by side.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { defineJob } from "../mod.ts";
 * import { TestJobd } from "./test_jobd.ts";
 *
 * const greet = defineJob<string>({ type: "greet", run: ({ payload }) => `Hello ${payload}` });
 *
 * await using test = await TestJobd.open({ handlers: [greet] });
 * const job = await test.jobd.enqueue(greet, "Ada", { delay: "1h" });
 * test.assertEnqueued(greet, { payload: /^A/, delay: "1h" });
 * assert.equal((await test.drain()).completed, 0);
 * await test.clock.advance("1h");
 * assert.equal((await test.drain()).completed, 1);
 * assert.equal(await job.result(), "Hello Ada");
 * ```
 */
export class TestJobd implements AsyncDisposable {
  /** The one to hand to the code that is tested. */
  readonly jobd: Jobd;
  /** Time. */
  readonly clock: FakeClock;
  /** What goes wrong with the store. */
  readonly faults: Faults;
  readonly #world: World;
  readonly #options: TestJobdOptions;
  readonly #worker: WorkerOptions | undefined;
  readonly #inline: InlineRuns | undefined;
  readonly #workers = new Set<TestWorker>();
  #scheduling: Promise<ScheduleRunner | undefined> | undefined;
  #mode: TestMode = "manual";

  private constructor(world: World, jobd: Jobd, options: TestJobdOptions) {
    const { handlers, worker } = options;
    this.#world = world;
    this.#options = options;
    this.#worker = handlers === undefined ? undefined : { ...worker, handlers };
    if (this.#worker !== undefined) workerSettings(this.#worker);
    this.#inline = this.#worker === undefined ? undefined : new InlineRuns(world, this.#worker);
    this.clock = world.time.clock;
    this.faults = world.faults;
    this.jobd = producer(jobd, {
      activity: world.time.activity,
      // Only now: a test without schedules is none the slower for them.
      onSchedules: () => this.#scheduling ??= world.time.activity.call(() => this.#schedule(jobd)),
      onEnqueued: (jobs) => this.#enqueued(jobs),
    });
    this.mode = options.mode ?? "manual";
  }

  /**
   * Opens one.
   *
   * @throws {JobdError} `invalid_request` for a bad option; with a store of its own, what opening that one throws
   */
  static async open(options: TestJobdOptions = {}): Promise<TestJobd> {
    const time = makeTime(options);
    const store = options.store === undefined ? {} : { store: await openStore(options.store) };
    const world = new World(time, { ...defaults(options), ...store });
    const jobd = await world.open(world.driver);
    try {
      return new TestJobd(world, jobd, options);
    } catch (error) {
      await jobd.close();
      throw error;
    }
  }

  /** What happens to jobs that are enqueued from now on. */
  get mode(): TestMode {
    return this.#mode;
  }

  set mode(mode: TestMode) {
    if (!MODES.includes(mode)) throw invalid("mode", mode, `one of ${MODES.join(", ")}`);
    if (mode === "inline" && this.#inline === undefined) throw noHandlers();
    this.#mode = mode;
    this.#world.recorder.discards = mode === "discard";
  }

  /**
   * Runs what is available until nothing is left, in a worker that is there for that time, and says how it went. Time
   * passes only as far as handlers wait for it, and with `withScheduled` as far as jobs do.
   *
   * @throws {JobdError} `timed_out` when the work does not come to an end: by then it has run 10,000 attempts;
   * `invalid_request` for a bad option, or when there are no handlers
   */
  async drain(options: DrainOptions = {}): Promise<DrainReport> {
    return await drain(this.#world, this.#needWorker(), options);
  }

  /**
   * Starts a worker that works as time passes, until it is stopped, killed or the test is over. There may be several.
   *
   * @throws {JobdError} `invalid_request` for a bad option, or when there are no handlers; what the store says
   */
  async startWorker(options: Partial<WorkerOptions> = {}): Promise<TestWorker> {
    const handlers = options.handlers ?? this.#needWorker().handlers ?? [];
    const worker = await startWorker(this.#world, { ...this.#options.worker, ...options, handlers });
    this.#workers.add(worker);
    return worker;
  }

  /**
   * Runs one attempt of a handler, beside the jobs of this test and at its time, and says how it ended; see
   * {@linkcode perform}.
   */
  perform<Input, Result>(
    job: JobDefinition<Input, Result>,
    payload: Input,
    options?: AttemptOptions,
  ): Promise<Performed<Result>>;
  /** The same for a handler that is not a definition. */
  perform(job: Handler, payload?: unknown, options?: AttemptOptions): Promise<Performed>;
  async perform(job: Handler, payload?: unknown, options: AttemptOptions = {}): Promise<Performed<unknown>> {
    const { time } = this.#world;
    const place = { time, store: defaults(this.#options), worker: this.#options.worker ?? {} };
    return await performIn(place, job, payload, options);
  }

  /**
   * The jobs that were enqueued so far, in order and as they were at that moment, whether or not they are still there. By
   * a definition, by what they are like, or all.
   */
  enqueued<Input, Result>(job: JobDefinition<Input, Result>, expected?: ExpectedJob<Input>): NewJob[];
  /** By what they are like, or all. */
  enqueued(expected?: ExpectedJob): NewJob[];
  enqueued(job: JobDefinition | ExpectedJob = {}, expected?: ExpectedJob): NewJob[] {
    return structuredClone(matching(this.#world.recorder.enqueued, expectation(job, expected)));
  }

  /**
   * Fails unless such a job was enqueued, or with `count` exactly so many; gives them. The message names the nearest job
   * and what is different.
   *
   * @throws {AssertionError} when there is none
   */
  assertEnqueued<Input, Result>(
    job: JobDefinition<Input, Result>,
    expected?: ExpectedJob<Input> & ExpectedCount,
  ): NewJob[];
  /** By what it is like. */
  assertEnqueued(expected: ExpectedJob & ExpectedCount): NewJob[];
  assertEnqueued(job: JobDefinition | ExpectedJob, expected?: ExpectedJob & ExpectedCount): NewJob[] {
    return structuredClone(assertEnqueued(this.#world.recorder.enqueued, expectation(job, expected)));
  }

  /** Fails when such a job was enqueued. @throws {AssertionError} naming them */
  refuteEnqueued<Input, Result>(job: JobDefinition<Input, Result>, expected?: ExpectedJob<Input>): void;
  /** By what it is like; without anything, when any job was enqueued. */
  refuteEnqueued(expected?: ExpectedJob): void;
  refuteEnqueued(job: JobDefinition | ExpectedJob = {}, expected?: ExpectedJob): void {
    refuteEnqueued(this.#world.recorder.enqueued, expectation(job, expected));
  }

  /** Forgets what was enqueued so far, for the assertions; the jobs stay. */
  forgetEnqueued(): void {
    this.#world.recorder.enqueued.length = 0;
  }

  /** Ends the faults, stops the workers at once and closes the store. */
  async close(): Promise<void> {
    this.faults.clear();
    for (const worker of this.#workers) await worker.stop({ timeout: 0 });
    this.#workers.clear();
    if (this.#scheduling !== undefined) {
      await this.clock.until(this.#scheduling.then((runner) => runner?.stop()));
    }
    await this.clock.until(this.jobd.close({ withinMs: CLOSE_MS }));
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Ticks come as the clock goes on, whether there are workers or not. */
  async #schedule(jobd: Jobd): Promise<ScheduleRunner | undefined> {
    const runner = jobd.schedules.scheduler({ pollIntervalMs: Infinity });
    try {
      await runner.start();
      return runner;
    } catch {
      // The store is away, as the test wants it: tried again at the next turn to schedules.
      this.#scheduling = undefined;
      return undefined;
    }
  }

  #needWorker(): WorkerOptions {
    if (this.#worker === undefined) throw noHandlers();
    return this.#worker;
  }

  async #enqueued(jobs: readonly Enqueued<unknown>[]): Promise<void> {
    if (this.#mode !== "inline" || this.#inline === undefined) return;
    const ids = jobs.filter(({ outcome }) => outcome !== "existing").map(({ id }) => id);
    await this.#inline.run(ids, { throws: this.#options.throwFailures ?? false });
  }
}

function defaults({ namespace, maxAttempts, encryption }: StoreOptions): Omit<StoreOptions, "store"> {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(encryption === undefined ? {} : { encryption }),
  };
}
