import { sleep } from "../../domain/clock.ts";
import { JobdError, messageOf } from "../../domain/errors.ts";
import { BATCH_ENDINGS, ENDINGS, type Interest, type JobdEvent } from "../../domain/event.ts";
import type { Feed, Hearer } from "./feed.ts";
import type { EventsContext } from "./publisher.ts";
import type { Claimant, Registration } from "./registration.ts";
import type { Endings } from "./told_driver.ts";

/** How often a job that is waited for is looked at although no event came, in milliseconds: a lost hint costs so much time. */
export const WAIT_POLL_MS = 15_000;
/** The same until it is certain that an event will come: soon at first, because many jobs are short. */
const FIRST_LOOK_MS = 10;
const LAST_LOOK_MS = 500;
/** Looks before an event is asked for: a job that ends by then costs no registration. */
const LOOKS = 3;
/** Jobs that a registration names; beyond that all endings are asked for, so that it stays small. */
const NAMED_MAX = 100;

/** What is waited for: which events tell of its end. */
export interface WaitKind {
  /** What of an event is said to have ended, or to have changed so that it is worth a look. */
  idOf(event: JobdEvent): string | undefined;
  /** The events of the ends of these, or of all. */
  interest(ids?: string[]): Omit<Interest, "namespace">;
}

/** Jobs. */
export const JOB_WAITS: WaitKind = {
  idOf: (event) => "jobId" in event && event.kind !== "job.progress" ? event.jobId : undefined,
  interest: (jobs) => ({ kinds: ENDINGS, ...(jobs === undefined ? {} : { jobs }) }),
};

/** Batches. */
export const BATCH_WAITS: WaitKind = {
  idOf: (event) => "batch" in event ? event.batch : undefined,
  interest: (batches) => ({ kinds: BATCH_ENDINGS, ...(batches === undefined ? {} : { batches }) }),
};

/** One job that somebody waits for, here or in several places of this process. */
interface Awaited {
  readonly watches: Set<Watch>;
  /** Whether an event will come when it ends. */
  known: boolean;
  asked: boolean;
}

/** Who waits for the ends of jobs, or of batches, in this process: all of them share one registration, and one reader of events. */
export class Waits implements Endings, Hearer {
  readonly #context: EventsContext;
  readonly #feed: Feed;
  readonly #claimant: Claimant;
  readonly #kind: WaitKind;
  readonly #awaited = new Map<string, Awaited>();
  readonly #closing = new AbortController();
  #named = new Set<string>();
  #joined: Promise<unknown> | undefined;
  /** Whether all endings are asked for, and known to be. */
  #all = false;
  /** Another one each time when nobody waits any more. */
  #wanted = {};

  constructor(
    context: EventsContext,
    { feed, registration, kind }: { feed: Feed; registration: Registration; kind: WaitKind },
  ) {
    this.#context = context;
    this.#kind = kind;
    this.#feed = feed;
    this.#claimant = registration.claimant();
  }

  /** How many jobs are waited for. */
  get size(): number {
    return this.#awaited.size;
  }

  /** Begins to wait for a job. */
  watch(jobId: string): Watch {
    let awaited = this.#awaited.get(jobId);
    if (awaited === undefined) {
      this.#awaited.set(jobId, awaited = { watches: new Set(), known: false, asked: false });
    }
    const watch: Watch = new Watch(this.#context, this.#closing.signal, {
      isKnown: () => awaited.known,
      ask: () => this.#ask(jobId, awaited),
      end: () => this.#forget(jobId, watch),
    });
    awaited.watches.add(watch);
    return watch;
  }

  /** The job has ended, or something like it: whoever waits looks. */
  ended(jobId: string): void {
    const awaited = this.#awaited.get(jobId);
    if (awaited !== undefined) { for (const watch of awaited.watches) watch.wake(); }
  }

  /** The store says so. */
  hear(event: JobdEvent): void {
    const id = this.#kind.idOf(event);
    if (id !== undefined) this.ended(id);
  }

  /** Ends all waiting. */
  close(): void {
    this.#closing.abort();
    this.#leave();
  }

  #forget(jobId: string, watch: Watch): void {
    const awaited = this.#awaited.get(jobId);
    if (!awaited?.watches.delete(watch) || awaited.watches.size > 0) return;
    this.#awaited.delete(jobId);
    if (this.#awaited.size === 0) this.#leave();
  }

  #leave(): void {
    this.#feed.leave(this);
    this.#claimant.release();
    this.#joined = undefined;
    this.#all = false;
    this.#named = new Set();
    this.#wanted = {};
  }

  /** Asks for an event at its end; until that is known to be granted, who waits looks again and again. */
  #ask(jobId: string, awaited: Awaited): void {
    if (awaited.asked) return;
    awaited.asked = true;
    void this.#register(jobId).then(() => {
      awaited.known = true;
      // It may have ended before.
      this.ended(jobId);
    }).catch((error: unknown) => {
      awaited.asked = false;
      this.#context.log.debug("What is waited for is polled", { id: jobId, error: messageOf(error) });
    });
  }

  async #register(jobId: string): Promise<void> {
    const { namespace } = this.#context;
    this.#joined ??= this.#feed.join(this);
    await this.#joined.catch((error: unknown) => {
      this.#joined = undefined;
      throw error;
    });
    // Whoever waited may have given up meanwhile, the last one too.
    if (this.#awaited.size === 0) this.#leave();
    if (this.#all || !this.#awaited.has(jobId)) return;
    const named = new Set([...this.#named, jobId].filter((id) => this.#awaited.has(id)));
    this.#named = named;
    const all = named.size > NAMED_MAX;
    const wanted = this.#wanted;
    await this.#claimant.want({ namespace, ...this.#kind.interest(all ? undefined : [...named]) });
    // Unless all who waited then have gone meanwhile, and the registration with them.
    if (this.#wanted === wanted) this.#all ||= all;
  }
}

/** Somebody who waits for one job. */
export class Watch {
  readonly #context: EventsContext;
  readonly #closing: AbortSignal;
  readonly #options: { isKnown(): boolean; ask(): void; end(): void };
  #looks = 0;
  #pause = FIRST_LOOK_MS;
  #woken = false;
  #rest: AbortController | undefined;

  constructor(
    context: EventsContext,
    closing: AbortSignal,
    options: { isKnown(): boolean; ask(): void; end(): void },
  ) {
    this.#context = context;
    this.#closing = closing;
    this.#options = options;
  }

  /** Something may have happened. */
  wake(): void {
    this.#woken = true;
    this.#rest?.abort();
  }

  /** Says that the job is looked at now: what happens from here on ends the next rest. */
  look(): void {
    this.#woken = false;
    if (++this.#looks > LOOKS) this.#options.ask();
  }

  /** Rests until it is time to look again. @throws {JobdError} `store_unavailable` when the store was closed */
  async rest(atMostMs: number, signal?: AbortSignal): Promise<void> {
    const { isKnown } = this.#options;
    const pause = isKnown() ? WAIT_POLL_MS : this.#pause;
    this.#pause = Math.min(LAST_LOOK_MS, this.#pause * 1.5);
    this.#rest = new AbortController();
    const signals = [this.#rest.signal, this.#closing, ...(signal === undefined ? [] : [signal])];
    if (!this.#woken) await sleep(this.#context.clock, Math.min(pause, atMostMs), AbortSignal.any(signals));
    this.#rest = undefined;
    if (this.#closing.aborted) {
      throw new JobdError("store_unavailable", "The store was closed while an end was waited for");
    }
  }

  /** Waits no longer. */
  end(): void {
    this.#options.end();
  }
}
