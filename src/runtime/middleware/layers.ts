import type { Handler, Middleware, RunContext } from "../handler.ts";

/** The handler with layers around it, outermost first, and its own inside them; itself when there are none. */
export function layered(handler: Handler, outer: readonly Middleware[]): Handler {
  const layers = [...outer, ...handler.middleware ?? []];
  if (layers.length === 0) return handler;
  let run: Handler["run"] = (job, context) => handler.run(job, context);
  for (const layer of layers.reverse()) {
    const inner = run;
    run = (job, context) => layer(job, context, async (own = context) => await inner(job, own));
  }
  return { ...settingsOf(handler), run };
}

/** What a handler says about itself, besides its layers. */
function settingsOf(handler: Handler): Omit<Handler, "run"> {
  const {
    type,
    aliases,
    queue,
    timeoutMs,
    backoff,
    outOfProcess,
    grouped,
    isolation,
    limit,
    encrypt,
    redact,
  } = handler;
  return {
    type,
    ...(aliases === undefined ? {} : { aliases }),
    ...(queue === undefined ? {} : { queue }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(outOfProcess === undefined ? {} : { outOfProcess }),
    ...(grouped === undefined ? {} : { grouped }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(limit === undefined ? {} : { limit }),
    ...(encrypt === undefined ? {} : { encrypt }),
    ...(redact === undefined ? {} : { redact }),
  };
}

/**
 * Handlers that share layers, inside those of the worker and outside their own. Groups may hold groups.
 *
 * @example
 * ```ts
 * import { handlerGroup } from "./layers.ts";
 * import { timeout } from "./timeout.ts";
 *
 * const mails = handlerGroup([{ type: "mail.send", run: () => "sent" }], { middleware: [timeout("30s")] });
 * console.log(mails.map(({ type }) => type)); // ["mail.send"]
 * ```
 */
export function handlerGroup(
  handlers: readonly Handler[],
  options: { middleware: readonly Middleware[] },
): Handler[] {
  return handlers.map((handler) => ({
    ...settingsOf(handler),
    middleware: [...options.middleware, ...handler.middleware ?? []],
    run: (job, context) => handler.run(job, context),
  }));
}

/** A context in which some things are different; what the original gives later, such as its deadline, stays live. */
export function changed(context: RunContext, changes: Partial<RunContext>): RunContext {
  const properties = {
    ...Object.getOwnPropertyDescriptors(context),
    ...Object.getOwnPropertyDescriptors(changes),
  };
  return Object.defineProperties({}, properties) as RunContext;
}
