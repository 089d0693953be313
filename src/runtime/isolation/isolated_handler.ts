import type { Backoff } from "../../domain/backoff.ts";
import type { Job } from "../../domain/job.ts";
import { Directive, fail, type Handler, type RunContext } from "../handler.ts";
import type { Processes } from "../process/processes.ts";
import { BrokenModule, type Child, DiedEarly } from "./child.ts";
import type { ChildKind, ChildPool } from "./child_pool.ts";
import type { Death } from "./death.ts";
import type { AttemptEnd, Described } from "./protocol.ts";
import { unpackThrown } from "./thrown.ts";

/** What an {@linkcode isolatedHandler} works with. */
export interface IsolatedMeans {
  /** Where its processes come from. */
  pool: ChildPool;
  /** Finds what a daemon that died left behind. */
  processes: Processes;
}

/** A handler in the worker that stands for a definition whose jobs run in processes of their own. */
export function isolatedHandler(
  { type, aliases, timeoutMs, backoff, decidesBackoff, limit, redact }: Described,
  kind: ChildKind,
  { pool, processes }: IsolatedMeans,
): Handler {
  // The process has decided before anybody asks; of an attempt that was ended, or died, it could not.
  const decided = new WeakMap<Job, number>();
  return {
    type,
    aliases,
    outOfProcess: true,
    ...(limit === undefined ? {} : { limit }),
    ...(redact === undefined ? {} : { redact }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(decidesBackoff ? { backoff: (_failures, _error, job) => decided.get(job) } : {}),
    ...(backoff === undefined ? {} : { backoff: backoff as unknown as Backoff }),
    async run(job, context) {
      // What is left of an earlier attempt whose daemon was killed must not run beside this one.
      if (job.attempt > 1) await processes.reapStrays();
      const end = await pool.use(kind, context.signal, (child) => runIn(child, { job, context, kind }));
      // Stopped while it waited for a process.
      if (end === undefined) return;
      if ("backoffMs" in end && end.backoffMs !== undefined) decided.set(job, end.backoffMs);
      return given(end);
    },
  };
}

interface Attempt {
  job: Job;
  context: RunContext;
  kind: ChildKind;
}

async function runIn(
  child: Child,
  { job, context, kind }: Attempt,
): Promise<AttemptEnd | Death> {
  const stop = (): void => void child.end();
  context.signal.addEventListener("abort", stop, { once: true });
  try {
    await child.ready;
  } catch (error) {
    if (error instanceof DiedEarly) return error.death;
    if (!(error instanceof BrokenModule)) throw error;
    if (error.refused !== undefined) return { kind: "refused", error: error.refused };
    throw error.cause;
  } finally {
    context.signal.removeEventListener("abort", stop);
  }
  return await child.run(job, context, kind.isolation.graceMs);
}

/** The same answer as a handler in this process gives. */
function given(end: AttemptEnd | Death): unknown {
  switch (end.kind) {
    case "returned":
      return end.result;
    case "directive":
      return new Directive(end.outcome);
    case "refused":
      return fail(end.error, { permanent: true });
    case "died":
      return new Directive(end);
    case "threw":
      throw unpackThrown(end.thrown);
  }
}
