import { gainedByAge } from "../../../domain/ageing.ts";
import type { Execution, Job } from "../../../domain/job.ts";
import { type JobWait, waitStatus } from "../../../domain/wait.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { relative } from "../format.ts";
import type { Output } from "../output.ts";
import { styled } from "../style.ts";
import { describeJob } from "./describe.ts";
import { attemptsTable } from "./executions.ts";
import { findJobs, reportMisses } from "./targets.ts";
import { executionView, jobView, type View, waitView } from "../../views.ts";

type ShowInput = Input<{ lines: OptionSpec<number> }>;

/** `jobd job show` */
export async function showJobs({ args, options }: ShowInput, context: Context): Promise<number> {
  const jobd = await context.jobd();
  const { jobs, missed } = await findJobs(jobd, args);
  await printJobs(context, jobd, jobs, { lines: options.lines, asList: args.length > 1 });
  return reportMisses(context.out, missed);
}

/** Prints everything about jobs. */
export async function printJobs(
  { out }: Context,
  jobd: Jobd,
  jobs: readonly Job[],
  { lines, asList }: { lines: number; asList: boolean },
): Promise<void> {
  if (out.json) {
    const views: View[] = [];
    for (const job of jobs) views.push(await fullView(jobd, job, lines));
    if (asList || views.length !== 1) out.document({ items: views });
    else out.document(views[0]);
    return;
  }
  for (const [index, job] of jobs.entries()) {
    if (index > 0) out.line("");
    await printJob(out, jobd, job, lines);
  }
}

async function fullView(jobd: Jobd, job: Job, wanted: number): Promise<View> {
  const executions = await jobd.jobs.executions(job.id);
  const { lines, more } = await lastLines(jobd, job.id, wanted);
  const effectivePriority = await priorityBy(jobd, job, jobd.now());
  return {
    ...jobView(job),
    effectivePriority,
    executions: executions.map(executionView),
    waits: (await jobd.waits.list(job.id)).map((wait) => waitView(wait, jobd.now())),
    log: { lines, more },
  };
}

async function printJob(out: Output, jobd: Jobd, job: Job, lines: number): Promise<void> {
  const now = jobd.now();
  describeJob(out, job, { now, counts: await priorityBy(jobd, job, now) });
  waitsTable(out, await jobd.waits.list(job.id), now);
  const executions: Execution[] = await jobd.jobs.executions(job.id);
  if (executions.length > 0) {
    out.line(styled("bold", "Attempts"));
    attemptsTable(out, executions, now, { withJob: false });
  }
  const tail = await lastLines(jobd, job.id, lines);
  if (tail.lines.length === 0) return;
  const cut = tail.more ? ` (the last ${tail.lines.length} lines; all of it: jobd job logs ${job.id})` : "";
  out.line(styled("bold", "Log"), styled("dim", `${cut} ${relative(tail.at, now)}`.trimEnd()));
  out.text(`${tail.lines.join("\n")}\n`);
}

function waitsTable(out: Output, waits: readonly JobWait[], now: number): void {
  if (waits.length === 0) return;
  out.line(styled("bold", "Waits"));
  out.table(
    [{ title: "NAME" }, { title: "KIND" }, { title: "STATUS" }, { title: "SINCE" }, { title: "UNTIL" }],
    waits.map((wait) => {
      const { name, kind, askedAt, openedAt, until } = wait;
      const status = waitStatus(wait, now);
      return [
        name,
        kind,
        styled(status === "open" ? "magenta" : "dim", status.replace("_", " ")),
        relative(askedAt ?? openedAt, now),
        until === null ? "" : relative(until, now),
      ];
    }),
  );
}

/** The priority for which a job counts: a waiting one of a queue whose jobs age gains some. */
async function priorityBy(jobd: Jobd, job: Job, now: number): Promise<number> {
  if (job.state !== "available" && job.state !== "blocked") return job.priority;
  const { settings } = await jobd.queues.get(job.queue);
  return job.priority + gainedByAge(job, settings.ageingMs, now);
}

async function lastLines(
  jobd: Jobd,
  id: string,
  wanted: number,
): Promise<{ lines: string[]; more: boolean; at: number }> {
  let lines: string[] = [];
  let more = false;
  let at = 0;
  if (wanted === 0) return { lines, more, at };
  let rest = "";
  for await (const chunk of jobd.jobs.logs(id)) {
    at = chunk.at;
    lines.push(...(rest + chunk.text).split("\n"));
    rest = lines.pop() ?? "";
    if (lines.length > wanted) {
      more = true;
      lines = lines.slice(-wanted);
    }
  }
  if (rest !== "") lines.push(rest);
  return { lines: lines.slice(-wanted), more: more || lines.length > wanted, at };
}
