import type { Job } from "../../domain/job.ts";
import { Directive, type Middleware } from "../handler.ts";

/**
 * Turns what handlers throw into something better: what the function returns takes its place, a {@linkcode Directive} such as
 * `discard("...")` or a result; when it returns undefined the error goes on. Without this layer jobd catches errors too and
 * retries the job.
 */
export function recovery(recover: (thrown: unknown, job: Job) => unknown): Middleware {
  return async (job, _context, next) => {
    try {
      return await next();
    } catch (thrown) {
      if (thrown instanceof Directive) throw thrown;
      const instead = await recover(thrown, job);
      if (instead === undefined) throw thrown;
      return instead;
    }
  };
}
