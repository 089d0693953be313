import { messageOf } from "../../domain/errors.ts";
import { redactionOf } from "../../domain/redaction.ts";
import { Directive, type Middleware } from "../handler.ts";
import type { Logger, LogLevel } from "../logger.ts";

/** Options of {@linkcode logging}. */
export interface LoggingOptions {
  /** Level of starts and of ends that are no failure. @default "info" */
  level?: LogLevel;
}

/** Says when a handler starts, and how and after how many milliseconds it ended. */
export function logging(log: Logger, { level = "info" }: LoggingOptions = {}): Middleware {
  return async (job, { clock }, next) => {
    const fields = { job: job.id, type: job.type, queue: job.queue, attempt: job.attempt };
    const start = clock.monotonic();
    const durationMs = (): number => Math.round(clock.monotonic() - start);
    const ended = (how: string): void =>
      log[level]("Handler ended", { ...fields, how, durationMs: durationMs() });
    log[level]("Handler started", fields);
    try {
      const given = await next();
      ended(given instanceof Directive ? given.outcome.kind : "completed");
      return given;
    } catch (thrown) {
      if (thrown instanceof Directive) ended(thrown.outcome.kind);
      else {
        const error = redactionOf(job)?.text(messageOf(thrown)) ?? messageOf(thrown);
        log.error("Handler failed", { ...fields, error, durationMs: durationMs() });
      }
      throw thrown;
    }
  };
}
