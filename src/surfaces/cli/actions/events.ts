import type { BatchEvent, EventKind, EventPattern, JobdEvent, ScheduleEvent } from "../../../domain/event.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { INTERRUPTED } from "../exit_codes.ts";
import { count } from "../format.ts";
import { progressText } from "./batch_text.ts";
import { type Part, type Style, styled } from "../style.ts";
import { compact } from "./compact.ts";
import { findJobs, reportMisses } from "./targets.ts";
import { eventView, iso } from "../../views.ts";

type EventsInput = Input<{
  kind: OptionSpec<EventPattern[]>;
  queue: OptionSpec<string[]>;
  type: OptionSpec<string[]>;
  job: OptionSpec<string[]>;
  schedule: OptionSpec<string[]>;
  batch: OptionSpec<string[]>;
  after: OptionSpec<number | undefined>;
}>;

const STYLES: Partial<Record<EventKind, Style>> = {
  "job.started": "yellow",
  "job.completed": "green",
  "job.retrying": "red",
  "job.rescued": "red",
  "job.dead": "red",
  "job.snoozed": "cyan",
  "job.parked": "magenta",
  "job.released": "cyan",
  "batch.completed": "green",
  "batch.failed": "red",
  "batch.dead": "red",
};
/** Wide enough for every kind. */
const KIND_WIDTH = 16;

/** `jobd events` */
export async function printEvents({ options }: EventsInput, context: Context): Promise<number> {
  const { out } = context;
  const jobd = await context.jobd();
  const { jobs, missed } = await findJobs(jobd, options.job);
  if (missed.length > 0) return reportMisses(out, missed);
  const some = <T>(list: T[]): T[] | undefined => list.length === 0 ? undefined : list;
  const interrupted = context.interrupted();
  await using stream = jobd.events({
    ...compact({
      kinds: some(options.kind),
      queue: some(options.queue),
      type: some(options.type),
      jobId: some(jobs.map(({ id }) => id)),
      schedule: some(options.schedule),
      batch: some(options.batch),
      after: options.after,
    }),
    signal: AbortSignal.any([interrupted, out.closed]),
  });
  await stream.ready;
  if (stream.gap) {
    out.note(
      styled("yellow", `Some events after ${options.after} may be missing: they are not kept any more`),
    );
  }
  let dropped = 0;
  for await (const event of stream) {
    if (stream.dropped > dropped) {
      out.note(
        styled("yellow", `${count(stream.dropped - dropped, "event")} left out: the reader is too slow`),
      );
      dropped = stream.dropped;
    }
    if (out.json) out.jsonLine(eventView(event));
    else out.line(...lineOf(event));
    await out.flush();
  }
  return interrupted.aborted ? INTERRUPTED : 0;
}

function scheduleParts({ schedule, tick, count: many, startedJob, reason }: ScheduleEvent): Part[] {
  const facts = [
    tick === undefined ? "" : many === undefined ? `tick ${iso(tick)}` : `${many} ticks from ${iso(tick)}`,
    startedJob === undefined ? "" : `job ${startedJob}`,
    reason ?? "",
  ].filter((fact) => fact !== "");
  return [`  ${schedule}`, styled("dim", facts.map((fact) => `  ${fact}`).join(""))];
}

function batchParts({ batch, batchType, counts }: BatchEvent): Part[] {
  return [`  ${batch}  ${batchType}`, styled("dim", `  ${progressText(counts)}`)];
}

function lineOf(event: JobdEvent): Part[] {
  const { id, kind, at } = event;
  const parts: Part[] = [
    styled("dim", `${String(id).padStart(6)}  ${iso(at)}  `),
    styled(STYLES[kind] ?? "plain", kind.padEnd(KIND_WIDTH)),
  ];
  if ("schedule" in event) return [...parts, ...scheduleParts(event)];
  if ("batch" in event) return [...parts, ...batchParts(event)];
  if (!("jobId" in event)) return [...parts, `  ${event.queue}`];
  const facts = [
    event.attempt > 0 ? `attempt ${event.attempt}` : "",
    event.runAt === undefined ? "" : `runs at ${iso(event.runAt)}`,
    event.waitingFor === undefined ? "" : `waits for ${JSON.stringify(event.waitingFor)}`,
    event.error === undefined ? "" : `${event.error.code}: ${event.error.message}`,
  ].filter((fact) => fact !== "");
  return [
    ...parts,
    `  ${event.jobId}  ${event.type}  ${event.queue}`,
    styled("dim", facts.map((fact) => `  ${fact}`).join("")),
  ];
}
