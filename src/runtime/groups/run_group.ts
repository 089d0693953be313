import { JobdError, show } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { Directive, type RunContext } from "../handler.ts";
import { endOf, GroupCall, type GroupContext, type GroupEnds, groupOf } from "./group_call.ts";

/** What a definition with `runGroup` brings. */
export interface GroupRunner {
  /** The job with the payload that the handler gets, or the directive that ends it. */
  check(job: Job): Promise<Job | Directive>;
  /** The handler. */
  runGroup(jobs: Job[], context: GroupContext): Promise<GroupEnds<unknown>> | GroupEnds<unknown>;
}

/**
 * One call of a handler of groups. In the context of a group the ends of its jobs are noted there; a job that is alone, because
 * it was enqueued without a group, is a group of one, and its end is given.
 */
export async function runGroup(runner: GroupRunner, job: Job, context: RunContext): Promise<unknown> {
  const call = groupOf(context);
  const { jobs } = call ?? new GroupCall([job]);
  const checked = await Promise.all(jobs.map((one) => runner.check(one)));
  const fit = checked.filter((one): one is Job => !(one instanceof Directive));
  const given = fit.length === 0 ? [] : await runner.runGroup(fit, context);
  const directive = given instanceof Directive ? given : undefined;
  if (directive === undefined) checkEnds(given, fit.length);
  const list = given as readonly unknown[] | undefined;
  let next = 0;
  const ends = checked.map((one) => one instanceof Directive ? one : directive ?? list?.[next++]);
  if (call === undefined) {
    const [end] = ends;
    if (end instanceof Error) throw end;
    return end;
  }
  call.ends = new Map(jobs.map(({ id }, at): [string, Outcome] => [id, endOf(ends[at], call.redaction)]));
  return null;
}

/** A list that is too short would let jobs complete of which the handler says nothing. */
function checkEnds(given: unknown, jobs: number): void {
  if (given === undefined) return;
  if (Array.isArray(given) && given.length === jobs) return;
  const what = Array.isArray(given) ? `${given.length} ends` : show(given);
  throw new JobdError("invalid_request", `runGroup gave ${what} for ${jobs} jobs`, {
    hint:
      "Give one result, directive or error for each job, in their order; or nothing when all have completed.",
  });
}

/** A handler that is isolated runs in another process, which gets one job at a time. */
export function refuseIsolatedGroup(type: string): JobdError {
  return new JobdError(
    "invalid_request",
    `The definition of "${type}" has runGroup and wants a process of its own`,
    {
      hint: "Handlers of groups run in the worker's process: leave out `isolate` and `permissions`.",
    },
  );
}

/** A definition runs jobs one by one or in groups. */
export function refuseTwoRuns(type: string): JobdError {
  return new JobdError("invalid_request", `The definition of "${type}" has both run and runGroup`, {
    hint: "Give one of them; runGroup gets jobs without a group as groups of one.",
  });
}
