import type { JobAction } from "../../../domain/amendment.ts";
import type { ActionReport } from "../../../runtime/action_report.ts";
import type { Input } from "../command.ts";
import type { Context } from "../context.ts";
import { INTERRUPTED } from "../exit_codes.ts";
import type { Output } from "../output.ts";
import { styled } from "../style.ts";
import { findJobs, type Miss, reportMisses } from "./targets.ts";

/** Reasons that are printed at most. */
const REASONS = 100;

/** What became of a job, by what was done. */
export const DONE: Record<JobAction, string> = {
  cancel: "cancelled",
  retry: "runs again",
  run: "runs now",
  archive: "archived",
  delete: "deleted",
};

/** `jobd job cancel` */
export function cancel(input: Input, context: Context): Promise<number> {
  return actOn("cancel", input, context);
}

/** `jobd job retry` */
export function retry(input: Input, context: Context): Promise<number> {
  return actOn("retry", input, context);
}

/** `jobd job run` */
export function runNow(input: Input, context: Context): Promise<number> {
  return actOn("run", input, context);
}

/** `jobd job archive` */
export function archive(input: Input, context: Context): Promise<number> {
  return actOn("archive", input, context);
}

/** `jobd job delete` */
export function remove(input: Input, context: Context): Promise<number> {
  return actOn("delete", input, context);
}

async function actOn(action: JobAction, { args }: Input, context: Context): Promise<number> {
  const jobd = await context.jobd();
  const { jobs, missed } = await findJobs(jobd, args);
  const report = await jobd.jobs.act(action, jobs.map(({ id }) => id));
  return reportActions(context.out, DONE[action], report, missed);
}

/** Prints what became of an action on jobs that were named. */
export function reportActions(
  out: Output,
  done: string,
  report: ActionReport,
  missed: readonly Miss[],
): number {
  const failed: Miss[] = [
    ...missed,
    ...report.failed.map(({ id, code, reason }) => ({ id, code, reason: `Job ${id}: ${reason}` })),
  ];
  if (out.json) out.document({ succeeded: report.succeeded, failed });
  else for (const id of report.succeeded) out.line(id, " ", styled("dim", done));
  return reportMisses(out, failed);
}

/** Says what an action by filter has not done: the first reasons, and that it was stopped. */
export function reportMany(out: Output, { failed, counts, stopped }: ActionReport): number {
  if (stopped === "limit") {
    out.note("Stopped at the limit: there are more that match. The same command goes on with them.");
  }
  if (stopped === "signal") out.note("Interrupted: the rest is as it was. The same command goes on.");
  const shown = failed.slice(0, REASONS);
  const code = reportMisses(
    out,
    shown.map(({ id, code, reason }) => ({ id, code, reason: `Job ${id}: ${reason}` })),
  );
  if (counts.failed > shown.length) out.note(`and ${counts.failed - shown.length} more that failed`);
  return stopped === "signal" ? INTERRUPTED : code;
}
