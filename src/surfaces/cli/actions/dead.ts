import type { JobAction } from "../../../domain/amendment.ts";
import { JobdError } from "../../../domain/errors.ts";
import type { Job } from "../../../domain/job.ts";
import { jobPatch, type JobUpdate } from "../../../domain/job_update.ts";
import type { ActionPreview } from "../../../runtime/action_preview.ts";
import type { DeadFilter } from "../../../runtime/dead_letters.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Input, OptionSpec, OptionValues } from "../command.ts";
import type { ACT, DEAD_FILTER, EDITS } from "../commands/dead.ts";
import type { PAGE } from "../commands/options.ts";
import type { Context } from "../context.ts";
import type { Output } from "../output.ts";
import { count, relative } from "../format.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";
import { DONE, reportActions, reportMany } from "./job_actions.ts";
import { readPayload } from "./job_update.ts";
import { printJobs } from "./job_show.ts";
import { printPage } from "./jobs.ts";
import { filterOf, findJobs, isNarrowed, type Miss, reportMisses } from "./targets.ts";
import { errorGroupView, previewView } from "../../views.ts";

type Filter = typeof DEAD_FILTER;
type Edits = typeof EDITS;
type Yes = { yes: OptionSpec<boolean> };
type Act = typeof ACT;

/** With what dead letters are acted on. */
interface Doing {
  context: Context;
  jobd: Jobd;
  update?: JobUpdate;
  limit?: number | undefined;
}

/** Dead letters that a preview counts at most. */
const PREVIEW_CAP = 1_000_000;

/** `jobd dead list` */
export async function listDead({ options }: Input<Filter & typeof PAGE>, context: Context): Promise<void> {
  const jobd = await context.jobd();
  const filter = deadFilter(options, jobd.now());
  await printPage(context, jobd, (query) => jobd.dead.page({ ...filter, ...query }), {
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
  input: Input<Filter & Edits & Act & { all: OptionSpec<boolean> }>,
  context: Context,
): Promise<number> {
  const { args, options } = input;
  const update = await editsOf(options, context);
  const edits = update === undefined ? {} : { update };
  const jobd = await context.jobd();
  const filter = chosen(args, deadFilter(options, jobd.now()), options.all, "--all");
  if (options.dryRun) return await preview("retry", filter ?? args, { context, jobd, ...edits });
  if (filter === undefined) return await byId("retry", args, { context, jobd, ...edits });
  return await byFilter("retry", filter, { context, jobd, limit: options.limit, ...edits });
}

/** `jobd dead delete` */
export async function deleteDead(input: Input<Filter & Act & Yes>, context: Context): Promise<number> {
  const { args, options } = input;
  const jobd = await context.jobd();
  const filter = chosen(args, deadFilter(options, jobd.now()), false, "`jobd dead purge` for all");
  if (options.dryRun) return await preview("delete", filter ?? args, { context, jobd });
  if (filter === undefined) return await byId("delete", args, { context, jobd });
  context.confirm(`Delete these dead letters of ${jobd.location} for good?`, options.yes);
  return await byFilter("delete", filter, { context, jobd, limit: options.limit });
}

/** `jobd dead purge` */
export async function purgeDead({ options }: Input<Act & Yes>, context: Context): Promise<number> {
  const jobd = await context.jobd();
  if (options.dryRun) return await preview("delete", {}, { context, jobd });
  context.confirm(
    `Delete all dead letters in namespace ${jobd.namespace} of ${jobd.location} for good?`,
    options.yes,
  );
  return await byFilter("delete", {}, { context, jobd, limit: options.limit });
}

/** `jobd dead groups` */
export async function listGroups(
  { options }: Input<Filter & { searched: OptionSpec<number> }>,
  context: Context,
): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const now = jobd.now();
  const { searched } = options;
  const found = await jobd.dead.groups({ ...deadFilter(options, now), searched });
  if (out.json) return out.document({ ...found, items: found.items.map(errorGroupView) });
  if (found.items.length === 0) return out.note("No dead letters.");
  out.table(
    [
      { title: "GROUP" },
      { title: "COUNT", align: "right" },
      { title: "TYPE", shrinks: true },
      { title: "LATEST", align: "right" },
      { title: "FIRST", align: "right" },
      { title: "ERROR", shrinks: true },
    ],
    found.items.map(({ key, count, type, lastAt, firstAt, code, message }) => [
      key,
      String(count),
      type,
      relative(lastAt, now),
      relative(firstAt, now),
      `${code}: ${message}`,
    ]),
  );
  if (found.more) {
    out.note(styled("dim", `Only the latest ${found.searched} were looked at: --searched for more`));
  }
}

/** What is new about the jobs; what is wrong with it is said without a store. */
async function editsOf(options: OptionValues<Edits>, context: Context): Promise<JobUpdate | undefined> {
  const { payload, to, priority, delay, maxAttempts } = options;
  const update: JobUpdate = compact({
    queue: to,
    priority,
    delay,
    maxAttempts,
    payload: payload === undefined ? undefined : await readPayload(payload, context),
  });
  if (Object.keys(update).length === 0) return undefined;
  jobPatch(update, 0);
  return update;
}

function deadFilter(options: OptionValues<Filter>, now: number): DeadFilter {
  return { ...filterOf(options, now), ...compact({ group: options.group }) };
}

/** Says what would be done. */
async function preview(
  action: "retry" | "delete",
  which: DeadFilter | readonly string[],
  { context, jobd, update }: Doing,
): Promise<number> {
  const { out } = context;
  const byIds = Array.isArray(which);
  const { jobs, missed } = byIds
    ? await findDead(jobd, which as readonly string[])
    : { jobs: [], missed: [] };
  const found = await jobd.dead.preview(action, byIds ? jobs.map(({ id }) => id) : which, {
    ...compact({ update }),
    cap: PREVIEW_CAP,
    signal: context.interrupted(),
    onProgress: (done) => out.progress(`${count(done, "dead letter")} found`),
  });
  out.endProgress();
  if (out.json) out.document({ dryRun: true, ...previewView(found) });
  else printPreview(out, action === "retry" ? "run again" : "deleted", found);
  return reportMisses(out, missed);
}

function printPreview(out: Output, verb: string, found: ActionPreview): void {
  const { matched, capped, counts, items, failed } = found;
  const atLeast = capped ? "at least " : "";
  out.line(`${atLeast}${count(counts.succeeded, "dead letter")} would be ${verb}`);
  for (const { id, type, error } of items) {
    out.line(`  ${id}  ${type}  ${error?.message.split("\n", 1)[0] ?? ""}`);
  }
  if (matched > items.length) out.line(`  and ${atLeast}${matched - items.length} more`);
  if (counts.failed > 0) {
    out.line(`${count(counts.failed, "dead letter")} would not be, such as:`);
    for (const { id, reason } of failed) out.line(`  ${id}  ${reason}`);
  }
}

/** The filter to act by; undefined when ids say which jobs are meant. */
function chosen(
  ids: readonly string[],
  filter: DeadFilter,
  all: boolean,
  every: string,
): DeadFilter | undefined {
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
  { context, jobd, update }: Doing,
): Promise<number> {
  const { jobs, missed } = await findDead(jobd, ids);
  const report = await jobd.jobs.act(action, jobs.map(({ id }) => id), {
    only: "dead",
    ...compact({ update }),
  });
  return reportActions(context.out, DONE[action], report, missed);
}

async function byFilter(
  action: "retry" | "delete",
  filter: DeadFilter,
  { context, jobd, limit, ...edits }: Doing,
): Promise<number> {
  const { out } = context;
  const verb = action === "retry" ? "run again" : "deleted";
  const report = await jobd.dead[action](filter, {
    ...edits,
    ...compact({ limit }),
    signal: context.interrupted(),
    onProgress: (done) => out.progress(`${count(done, "dead letter")} looked at`),
  });
  out.endProgress();
  if (out.json) out.document(report);
  else out.line(`${count(report.counts.succeeded, "dead letter")} ${verb}`);
  return reportMany(out, report);
}
