import { type JobAction, type Plan, planAction } from "../domain/amendment.ts";
import { JobdError, show } from "../domain/errors.ts";
import type { Execution, Job, LogChunk } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import { jobPatch, type JobUpdate, notReal, planEditedRetry, planUpdate } from "../domain/job_update.ts";
import type { Replacement } from "../domain/replacement.ts";
import type { RedactedKeys } from "../domain/redacted_keys.ts";
import { shownJob, shownPart } from "../domain/shown_job.ts";
import { isFinal, type JobState, WAITING_STATES } from "../domain/states.ts";
import type { Driver, Page } from "../storage/driver.ts";
import { type Clock, sleep } from "../domain/clock.ts";
import { Batcher } from "./batcher.ts";
import type { Keyring } from "./encryption/keyring.ts";
import type { Waits } from "./events/waits.ts";
import { type ActionPreview, preview, type PreviewOptions } from "./action_preview.ts";
import type { ActionReport } from "./action_report.ts";
import {
  ACTION_PAGE,
  type ActionOptions,
  type Intent,
  JobActions,
  type MatchOptions,
  narrowed,
  noSuchJob,
  type RetryOptions,
  type Selection,
} from "./job_actions.ts";
import { type JobFilter, jobQuery } from "./job_filter.ts";
import type { StoreTime } from "./store_time.ts";

/** Options of {@linkcode Jobs.logs}. */
export interface LogsOptions {
  /** Go on until the job has ended. @default false */
  follow?: boolean;
  /** Ends following. */
  signal?: AbortSignal;
  /** Only what comes after this chunk. */
  after?: { attempt: number; seq: number };
}

/** Options of {@linkcode Jobs.wait}. */
export interface WaitOptions {
  /** Give up after this time, in milliseconds. @default never */
  timeoutMs?: number;
  /** Give up when aborted. */
  signal?: AbortSignal;
  /** Whether values are shown that are redacted everywhere else. @default false */
  reveal?: boolean;
}

/** Options of looking at jobs. */
export interface ViewOptions {
  /** Whether values are shown that are redacted everywhere else. @default false */
  reveal?: boolean;
}

const CHUNKS = 200;
/** How often new output is looked for, in milliseconds. */
const FOLLOW_MS = 250;

/** Jobs of one namespace: look at them and act on them. */
export class Jobs {
  /** The tenant. */
  readonly namespace: string;
  readonly #driver: Driver;
  readonly #time: StoreTime;
  readonly #clock: Clock;
  readonly #keyring: Keyring;
  readonly #waits: Waits;
  readonly #actions: JobActions;
  readonly #redactKeys: RedactedKeys | undefined;
  /** Looks at jobs that are waited for, together. */
  readonly #looks: Batcher<string, Job | undefined>;

  /** Made by {@linkcode Jobd}. */
  constructor(
    options: {
      driver: Driver;
      namespace: string;
      time: StoreTime;
      clock: Clock;
      waits: Waits;
      keyring: Keyring;
      redactKeys?: RedactedKeys | undefined;
    },
  ) {
    this.#redactKeys = options.redactKeys;
    this.#driver = options.driver;
    this.namespace = options.namespace;
    this.#time = options.time;
    this.#clock = options.clock;
    this.#keyring = options.keyring;
    this.#waits = options.waits;
    this.#actions = new JobActions(options, {
      get: (ids) => this.#own(ids),
      pages: (filter) => this.#pages(filter),
    });
    this.#looks = new Batcher({
      maxWeight: ACTION_PAGE,
      flush: async (ids) => {
        const jobs = new Map((await this.#own([...new Set(ids)])).map((job) => [job.id, job]));
        return ids.map((id) => jobs.get(id));
      },
    });
  }

  /** A job by its id. @throws {JobdError} `not_found` */
  async get(id: string, options?: ViewOptions): Promise<Job> {
    const [job] = await this.#own([id]);
    if (job === undefined) throw noSuchJob(id);
    return this.shown(job, options);
  }

  /**
   * A job by a beginning or an ending of its id that no other recent job has.
   * @throws {JobdError} `not_found`, or `conflict` when several jobs match
   */
  async find(partialId: string, options?: ViewOptions): Promise<Job> {
    const text = partialId.toLowerCase();
    if (!/^[0-9a-f-]{4,36}$/.test(text)) {
      throw new JobdError(
        "invalid_request",
        `Invalid job id: ${show(partialId)} is not a UUID or at least 4 characters of one`,
      );
    }
    const jobs = (await this.#driver.find(text, 6)).filter((job) => job.namespace === this.namespace);
    const [job, second] = jobs;
    if (job === undefined) throw noSuchJob(partialId);
    if (second !== undefined) {
      throw new JobdError(
        "conflict",
        `${show(partialId)} is not unique: it matches ${jobs.map(({ id }) => id).join(", ")}`,
        {
          hint: "Give more characters of the id.",
        },
      );
    }
    return this.shown(job, options);
  }

  /** One page of jobs; {@linkcode JobQuery} says in which order. */
  async page(
    { limit, cursor, reveal = false, ...filter }: JobFilter & ViewOptions & {
      limit: number;
      cursor?: string;
    },
  ): Promise<Page<Job>> {
    const page = await this.#driver.list({
      ...jobQuery(filter),
      ...(cursor === undefined ? {} : { cursor }),
      limit,
      namespace: this.namespace,
    });
    return { ...page, items: page.items.map((job) => this.shown(job, { reveal })) };
  }

  /** All jobs that match, page by page. */
  async *list(filter: JobFilter = {}, options: ViewOptions = {}): AsyncGenerator<Job> {
    for await (const page of this.#pages(filter, options)) yield* page;
  }

  /**
   * Cancels a job: one that had not started never starts; a running one is told to stop.
   * @throws {JobdError} `not_found`; `conflict` when it has ended already
   */
  cancel(id: string): Promise<void>;
  /** Cancels many. */
  cancel(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  cancel(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("cancel", jobs, options);
  }

  /**
   * Starts a new life of a job that has ended, with its failures forgotten; with `update`, changed from its beginning.
   * @throws {JobdError} `not_found`; `conflict` when it has not ended, or another unfinished job has its unique key;
   * `invalid_request` for an update that is wrong
   */
  retry(id: string, options?: RetryOptions): Promise<void>;
  /** Starts new lives of many. */
  retry(jobs: Selection, options?: RetryOptions): Promise<ActionReport>;
  async retry(jobs: string | Selection, options: RetryOptions = {}): Promise<ActionReport | void> {
    return await this.#actions.on(this.#intentOf("retry", options), jobs, options);
  }

  /** Lets a job that waits for a time run now. @throws {JobdError} `not_found`; `conflict` when it does not wait */
  run(id: string): Promise<void>;
  /** Lets many run now. */
  run(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  run(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("run", jobs, options);
  }

  /**
   * Puts a waiting job among the dead letters, where it stays until somebody retries or deletes it.
   * @throws {JobdError} `not_found`; `conflict` when it runs (cancel it first) or has ended
   */
  archive(id: string): Promise<void>;
  /** Archives many. */
  archive(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  archive(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("archive", jobs, options);
  }

  /** Removes a job with its history. @throws {JobdError} `not_found`; `conflict` while it runs */
  delete(id: string): Promise<void>;
  /** Removes many. */
  delete(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  delete(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("delete", jobs, options);
  }

  /**
   * Changes a job that waits; what the update does not name stays as it is.
   *
   * @throws {JobdError} `invalid_request`; `not_found`; `conflict` when the job runs or has ended
   */
  update(id: string, update: JobUpdate): Promise<void>;
  /** Changes many; a filter without a state means those that wait. */
  update(jobs: Selection, update: JobUpdate, options?: ActionOptions): Promise<ActionReport>;
  async update(
    jobs: string | Selection,
    update: JobUpdate,
    options?: ActionOptions,
  ): Promise<ActionReport | void> {
    const set = jobPatch(update, this.#time.now());
    const intent: Intent = {
      walk: "update",
      place: set,
      plan: (job) => this.#planned(job, set, (patch) => planUpdate(job, patch)),
    };
    return await this.#actions.on(intent, ofWaiting(jobs), options);
  }

  #do(action: JobAction, jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#actions.on(this.#intentOf(action), jobs, options);
  }

  /** Does something to jobs by id; with `only`, to those in that state. Only a retry knows `update`. */
  async act(
    action: JobAction,
    ids: readonly string[],
    options: RetryOptions & { only?: JobState } = {},
  ): Promise<ActionReport> {
    return await this.#actions.onIds(this.#intentOf(action, options), ids, options);
  }

  /** Does something to all jobs that match and were created before now; with `only`, to those still in that state then. */
  async actAll(
    action: JobAction,
    filter: JobFilter,
    options: RetryOptions & MatchOptions & { only?: JobState } = {},
  ): Promise<ActionReport> {
    return await this.#actions.onMatches(this.#intentOf(action, options), filter, options);
  }

  /**
   * What an action on many would do, without doing it; an action by filter takes the same jobs with the preview's `until`.
   *
   * @throws {JobdError} `invalid_request`
   */
  async preview(
    action: JobAction,
    jobs: Selection,
    options: PreviewOptions & Pick<MatchOptions, "where"> & { only?: JobState } = {},
  ): Promise<ActionPreview> {
    const intent = this.#intentOf(action, options);
    const all = options.only !== undefined || Array.isArray(jobs);
    const which = all ? jobs : narrowed(intent, jobs as JobFilter);
    return await preview(this.#actions, intent, which, options);
  }

  #intentOf(action: JobAction, { only, update }: RetryOptions & { only?: JobState } = {}): Intent {
    if (action !== "retry" || update === undefined) {
      return {
        walk: action,
        plan: (job) => planAction(job, action, only),
      };
    }
    const at = this.#time.now();
    const set = jobPatch(update, at);
    return {
      walk: action,
      place: set,
      plan: (job) => this.#planned(job, set, (patch) => planEditedRetry(job, { patch, at, only })),
    };
  }

  /** Attempts of a job, oldest first. */
  executions(id: string): Promise<Execution[]> {
    return this.#driver.executions(id);
  }

  /** What a job printed, in order; with `follow` until it has ended. */
  async *logs(id: string, options: LogsOptions = {}): AsyncGenerator<LogChunk> {
    let after = options.after;
    for (;;) {
      // The state is read before the log, so that nothing written before the end is missed.
      const ended = options.follow ? isFinal((await this.get(id)).state) : true;
      for (;;) {
        const chunks = await this.#driver.logs({
          jobId: id,
          limit: CHUNKS,
          ...(after === undefined ? {} : { after }),
        });
        yield* chunks;
        const last = chunks.at(-1);
        if (last !== undefined) after = { attempt: last.attempt, seq: last.seq };
        if (chunks.length < CHUNKS) break;
      }
      if (ended || options.signal?.aborted) return;
      await sleep(this.#clock, FOLLOW_MS, options.signal);
    }
  }

  /**
   * Waits until a job has ended, whichever process runs it. Whoever ends it tells this process; should that get lost, the
   * job is looked at every 15 seconds all the same.
   * @throws {JobdError} `timed_out`; the job itself goes on. `not_found` when it is deleted meanwhile.
   */
  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    const { timeoutMs = Infinity, signal } = options;
    const until = this.#clock.monotonic() + timeoutMs;
    const watch = this.#waits.watch(id);
    try {
      for (;;) {
        watch.look();
        const job = await this.#looks.add(id);
        if (job === undefined) throw noSuchJob(id);
        if (isFinal(job.state)) return this.shown(job, options);
        const left = until - this.#clock.monotonic();
        if (left <= 0 || signal?.aborted) {
          throw new JobdError("timed_out", `Job ${id} has not ended yet: it is ${job.state}`, {
            hint: "It goes on; look at it again later.",
          });
        }
        await watch.rest(left, signal);
      }
    } finally {
      watch.end();
    }
  }

  async *#pages(filter: JobFilter, options: ViewOptions = {}): AsyncGenerator<Job[]> {
    let cursor: string | undefined;
    do {
      const page = await this.page({
        ...filter,
        ...options,
        limit: ACTION_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      yield page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** What a patch means for a job, with its payload as it is stored. */
  async #planned(job: Job, set: Replacement, plan: (patch: Replacement) => Plan): Promise<Plan> {
    const reason = notReal(job, set);
    return reason === undefined ? plan(await this.#encrypted(job, set)) : { kind: "refused", reason };
  }

  /** A payload is stored as the one before; those of types that are always encrypted are so from then on. */
  async #encrypted(job: Job, set: Replacement): Promise<Replacement> {
    if (set.payload === undefined) return set;
    const wanted = job.options.encrypted !== undefined || this.#keyring.covers(job.type);
    const sealed = wanted
      ? await this.#keyring.sealPayload(job, set.payload)
      : { payload: set.payload, encrypted: null };
    return { ...set, payload: sealed.payload, options: { ...set.options, encrypted: sealed.encrypted } };
  }

  /** A job as it is shown: without what it redacts, unless that is asked for. The one place where that is decided. */
  shown(job: Job, { reveal = false }: ViewOptions = {}): Job {
    return reveal ? job : shownJob(job, this.#redactKeys);
  }

  /** Something else that belongs to a job, such as an answer to it, as it is shown. */
  shownPart(job: Job, part: Json, { reveal = false }: ViewOptions = {}): Json {
    return reveal ? part : shownPart(job, part, this.#redactKeys);
  }

  async #own(ids: string[]): Promise<Job[]> {
    return (await this.#driver.get(ids)).filter((job) => job.namespace === this.namespace);
  }
}

/** Nothing else can be updated, so a filter without a state does not report all that has ended. */
function ofWaiting(jobs: string | Selection): string | Selection {
  if (typeof jobs === "string" || Array.isArray(jobs)) return jobs;
  const filter = jobs as JobFilter;
  const named = Object.keys(filter).length > 0 && filter.state === undefined;
  return named ? { ...filter, state: [...WAITING_STATES] } : filter;
}
