import type { JobAction } from "../../../domain/amendment.ts";
import { JobdError } from "../../../domain/errors.ts";
import type { Job } from "../../../domain/job.ts";
import type { JobFilter } from "../../../runtime/job_filter.ts";
import type { ActionReport } from "../../../runtime/job_actions.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { FILTER, PAGE } from "../commands/options.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";
import { DONE, reportActions } from "./job_actions.ts";
import { printJobs } from "./job_show.ts";
import { printPage } from "./jobs.ts";
import { filterOf, findJobs, isNarrowed, type Miss, reportMisses } from "./targets.ts";

type Filter = typeof FILTER;
type Yes = { yes: OptionSpec<boolean> };

/** `jobd dead list` */
export async function listDead({ options }: Input<Filter & typeof PAGE>, context: Context): Promise<void> {
  const jobd = await context.jobd();
  const filter = filterOf(options, jobd.now());
  await printPage(context, jobd, { ...filter, state: "dead" }, {
    ...options,
    none: isNarrowed(filter) ? "No such dead letters." : "No dead letters.",
  });
}

/** `jobd dead show` */
export async function showDead(
  { args, options }: Input<{ lines: OptionSpec<number> }>,
  context: Context,
): Promise<number> {
  const jobd = await context.jobd();
  const { jobs, missed } = await findDead(jobd, args);
  await printJobs(context, jobd, jobs, { lines: options.lines, asList: args.length > 1 });
  return reportMisses(context.out, missed);
}

/** `jobd dead retry` */
export async function retryDead(
  input: Input<Filter & { all: OptionSpec<boolean> }>,
  context: Context,
): Promise<number> {
  const { args, options } = input;
  const jobd = await context.jobd();
  const filter = chosen(args, filterOf(options, jobd.now()), options.all, "--all");
  return filter === undefined
    ? await byId("retry", args, context, jobd)
    : await byFilter("retry", filter, context, jobd);
}

/** `jobd dead delete` */
export async function deleteDead(input: Input<Filter & Yes>, context: Context): Promise<number> {
  const { args, options } = input;
  const jobd = await context.jobd();
  const filter = chosen(args, filterOf(options, jobd.now()), false, "`jobd dead purge` for all");
  if (filter === undefined) return await byId("delete", args, context, jobd);
  context.confirm(`Delete these dead letters of ${jobd.location} for good?`, options.yes);
  return await byFilter("delete", filter, context, jobd);
}

/** `jobd dead purge` */
export async function purgeDead({ options }: Input<Yes>, context: Context): Promise<number> {
  const jobd = await context.jobd();
  context.confirm(
    `Delete all dead letters in namespace ${jobd.namespace} of ${jobd.location} for good?`,
    options.yes,
  );
  return await byFilter("delete", {}, context, jobd);
}

/** The filter to act by; undefined when ids say which jobs are meant. */
function chosen(
  ids: readonly string[],
  filter: JobFilter,
  all: boolean,
  every: string,
): JobFilter | undefined {
  const narrowed = isNarrowed(filter);
  if (ids.length > 0 && (narrowed || all)) {
    throw new JobdError("invalid_request", "Ids and filters cannot be combined", {
      hint: "Give one of the two.",
    });
  }
  if (ids.length === 0 && !narrowed && !all) {
    throw new JobdError("invalid_request", "It is not said which dead letters are meant", {
      hint: `Give ids, or a filter such as --queue, --type or --search, or ${every}.`,
    });
  }
  return ids.length > 0 ? undefined : filter;
}

async function findDead(jobd: Jobd, ids: readonly string[]): Promise<{ jobs: Job[]; missed: Miss[] }> {
  const { jobs, missed } = await findJobs(jobd, ids);
  const alive = jobs.filter(({ state }) => state !== "dead").map(({ id, state }): Miss => {
    return { id, code: "conflict", reason: `Job ${id} is no dead letter: it is ${state}` };
  });
  return { jobs: jobs.filter(({ state }) => state === "dead"), missed: [...missed, ...alive] };
}

async function byId(
  action: JobAction,
  ids: readonly string[],
  context: Context,
  jobd: Jobd,
): Promise<number> {
  const { jobs, missed } = await findDead(jobd, ids);
  const report = await jobd.jobs.act(action, jobs.map(({ id }) => id), { only: "dead" });
  return reportActions(context.out, DONE[action], report, missed);
}

async function byFilter(action: JobAction, filter: JobFilter, context: Context, jobd: Jobd): Promise<number> {
  const { out } = context;
  const verb = action === "retry" ? "run again" : "deleted";
  const report: ActionReport = await jobd.jobs.actAll(action, { ...filter, state: "dead" }, {
    onProgress: (done) => out.progress(`${count(done, "dead letter")} looked at`),
  });
  out.endProgress();
  if (out.json) out.document(report);
  else out.line(`${count(report.succeeded.length, "dead letter")} ${verb}`);
  return reportMisses(
    out,
    report.failed.map(({ id, code, reason }) => ({ id, code, reason: `Job ${id}: ${reason}` })),
  );
}
