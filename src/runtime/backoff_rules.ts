import type { Backoff } from "../domain/backoff.ts";
import { parseDuration } from "../domain/duration.ts";
import { messageOf } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Handler } from "./handler.ts";
import type { Logger } from "./logger.ts";
import type { QueueSettingsCache } from "./queue_settings.ts";

/** What {@linkcode BackoffRules} looks at, besides the job itself, in this order. */
export interface BackoffRulesOptions {
  /** Settings of the queues. */
  queues: QueueSettingsCache;
  /** The handlers by type. */
  handlers: ReadonlyMap<string, Handler>;
  /** What holds without any of them. */
  otherwise: Backoff;
  /** Where it is said that a function failed. */
  log: Logger;
}

/** How long to wait after a failure: as the job says, else its queue, else its handler, else the worker. */
export class BackoffRules {
  readonly #options: BackoffRulesOptions;

  constructor(options: BackoffRulesOptions) {
    this.#options = options;
  }

  /** The rule for a job that brings none. A function of its handler is no rule: see {@linkcode decided}. */
  of(job: Job): Backoff {
    const { queues, handlers, otherwise } = this.#options;
    const own = handlers.get(job.type)?.backoff;
    return queues.of(job.queue).backoff ?? (typeof own === "function" ? undefined : own) ?? otherwise;
  }

  /** The outcome with the delay that a function of the handler decides on, where nothing else comes first. */
  decided(job: Job, outcome: Outcome): Outcome {
    const { queues, handlers, log } = this.#options;
    const own = handlers.get(job.type)?.backoff;
    if (typeof own !== "function" || outcome.kind !== "failed" || outcome.retryInMs !== undefined) {
      return outcome;
    }
    if ((job.options.backoff ?? queues.of(job.queue).backoff) !== undefined) return outcome;
    try {
      const delay = own(job.failures + 1, outcome.error, job);
      return delay === undefined ? outcome : { ...outcome, retryInMs: parseDuration(delay, "backoff") };
    } catch (error) {
      log.error("A backoff function failed; the worker's backoff holds", {
        job: job.id,
        type: job.type,
        error: messageOf(error),
      });
      return outcome;
    }
  }
}
