import { type Duration, formatDuration, parseDuration } from "../../domain/duration.ts";
import { invalid } from "../../domain/errors.ts";
import { fail, type Middleware } from "../handler.ts";
import { changed } from "./layers.ts";

/**
 * A limit on what lies inside this layer, besides that of the attempt: after it the handler's signal is aborted and the
 * attempt has failed with the code `timeout`, whatever the handler does then.
 */
export function timeout(limit: Duration): Middleware {
  const limitMs = parseDuration(limit, "timeout");
  if (limitMs === 0) throw invalid("timeout", limit, "longer than 0");
  return async (_job, context, next) => {
    const over = new AbortController();
    const late = Promise.withResolvers<unknown>();
    const cancel = context.clock.after(limitMs, () => {
      over.abort("timeout");
      const message = `A part of the attempt ran longer than ${formatDuration(limitMs)}`;
      late.resolve(fail({ code: "timeout", message }));
    });
    const signal = AbortSignal.any([context.signal, over.signal]);
    const deadline = Math.min(context.deadline ?? Infinity, context.now() + limitMs);
    try {
      return await Promise.race([next(changed(context, { signal, deadline })), late.promise]);
    } finally {
      cancel();
    }
  };
}
