import type { Execution, ExecutionOutcome } from "../../../domain/job.ts";
import type { Input } from "../command.ts";
import type { PAGE } from "../commands/options.ts";
import type { Context } from "../context.ts";
import { relative, span } from "../format.ts";
import type { Output } from "../output.ts";
import { type Style, styled } from "../style.ts";
import { compact } from "./compact.ts";
import { findJobs, reportMisses } from "./targets.ts";
import { executionView } from "../../views.ts";

const STYLES: Record<ExecutionOutcome, Style> = {
  running: "yellow",
  completed: "green",
  failed: "red",
  lost: "red",
  snoozed: "cyan",
  parked: "magenta",
  released: "cyan",
  cancelled: "dim",
  expired: "dim",
};

/** `jobd job executions` */
export async function jobExecutions({ args }: Input, context: Context): Promise<number> {
  const { out } = context;
  const jobd = await context.jobd();
  const { jobs, missed } = await findJobs(jobd, args);
  const executions: Execution[] = [];
  for (const { id } of jobs) executions.push(...await jobd.jobs.executions(id));
  if (out.json) out.document({ items: executions.map(executionView) });
  else if (executions.length > 0) attemptsTable(out, executions, jobd.now(), { withJob: args.length > 1 });
  else if (jobs.length > 0) out.note("Nothing ran yet.");
  return reportMisses(out, missed);
}

/** `jobd executions` */
export async function listExecutions({ options }: Input<typeof PAGE>, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const page = await jobd.executions.page({ limit: options.limit, ...compact({ cursor: options.cursor }) });
  if (out.json) {
    out.document({ items: page.items.map(executionView), nextCursor: page.nextCursor ?? null });
    return;
  }
  if (page.items.length === 0) out.note("Nothing ran yet.");
  else attemptsTable(out, page.items, jobd.now(), { withJob: true });
  if (page.nextCursor !== undefined) out.note(styled("dim", `There are more: --cursor ${page.nextCursor}`));
}

/** Prints attempts as a table. */
export function attemptsTable(
  out: Output,
  executions: readonly Execution[],
  now: number,
  { withJob }: { withJob: boolean },
): void {
  out.table(
    [
      ...withJob ? [{ title: "JOB" }] : [],
      { title: "ATTEMPT", align: "right" },
      { title: "OUTCOME" },
      { title: "STARTED" },
      { title: "TOOK", align: "right" },
      { title: "WORKER", shrinks: true },
      { title: "REASON", shrinks: true },
    ],
    executions.map((one) => [
      ...withJob ? [one.jobId] : [],
      String(one.attempt),
      styled(STYLES[one.outcome], one.outcome),
      relative(one.startedAt, now),
      span((one.finishedAt ?? now) - one.startedAt),
      one.worker ?? "",
      reasonText(one),
    ]),
  );
}

function reasonText({ error }: Execution): string {
  if (error === null) return "";
  return error.retryInMs === undefined
    ? error.message
    : `${error.message} (retry after ${span(error.retryInMs)})`;
}
