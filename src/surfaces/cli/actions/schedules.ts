import { formatDuration } from "../../../domain/duration.ts";
import { JobdError } from "../../../domain/errors.ts";
import { type Schedule, statusOf } from "../../../domain/schedule.ts";
import { isOverridden } from "../../../domain/schedule_change.ts";
import type { ScheduleInput } from "../../../runtime/schedule_definition.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { instant } from "../format.ts";
import { type Part, styled } from "../style.ts";
import { type JobFlags, jobOf, ruleChange, type RuleFlags } from "./schedule_flags.ts";
import { tickCell, tickParts, timesText } from "./schedule_text.ts";
import { printHistory } from "./schedule_ticks.ts";
import { iso, scheduleView, tickView } from "../../views.ts";

/** Ticks that `show` tells of, in each direction. */
const SHOWN = 5;

/** `jobd schedules` */
export async function listSchedules(_: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const schedules = await jobd.schedules.list();
  if (out.json) return out.document({ items: schedules.map(scheduleView) });
  if (schedules.length === 0) {
    return out.note(
      'No schedules yet. Example: jobd schedule create nightly --cron "30 2 * * *" --type report',
    );
  }
  const now = jobd.now();
  out.table(
    [{ title: "SCHEDULE" }, { title: "TIMES" }, { title: "NEXT" }, { title: "LAST" }, { title: "JOB" }, {
      title: "NOTE",
    }],
    schedules.map((schedule) => [
      schedule.name,
      timesText(schedule.spec),
      tickCell(schedule.state.nextTick, now),
      tickCell(schedule.state.lastTick, now),
      jobText(schedule),
      noteText(schedule),
    ]),
  );
}

/** `jobd schedule show` */
export async function showSchedule({ args: [name = ""] }: Input, context: Context): Promise<void> {
  const jobd = await context.jobd();
  await print(context, jobd, await jobd.schedules.get(name), true);
}

/** `jobd schedule create` */
export async function createSchedule(
  { args: [name = ""], options }: Input<RuleFlags & JobFlags & { paused: OptionSpec<boolean> }>,
  context: Context,
): Promise<void> {
  const job = await jobOf(options, undefined, context);
  // A new schedule has nothing that could be taken back.
  const rule = Object.fromEntries(Object.entries(ruleChange(options)).filter(([, value]) => value !== null));
  const input = { ...rule, ...(job === undefined ? {} : { job }) } as ScheduleInput;
  const jobd = await context.jobd();
  await print(context, jobd, await jobd.schedules.create(name, { ...input, paused: options.paused }));
}

/** `jobd schedule update` */
export async function updateSchedule(
  { args: [name = ""], options }: Input<RuleFlags & JobFlags & { noJob: OptionSpec<boolean> }>,
  context: Context,
): Promise<void> {
  const jobd = await context.jobd();
  // What flags do not change is written back as it is.
  const { spec } = await jobd.schedules.get(name, { reveal: true });
  const job = options.noJob ? null : await jobOf(options, spec.job, context);
  const change = { ...ruleChange(options), ...(job === undefined ? {} : { job }) };
  if (Object.keys(change).length === 0) {
    throw new JobdError("invalid_request", "It is not said what to change", {
      hint: "Give a setting such as --every 1h; see `jobd schedule update --help`.",
    });
  }
  await print(context, jobd, await jobd.schedules.update(name, change));
}

/** `jobd schedule pause` */
export async function pauseSchedule({ args: [name = ""] }: Input, context: Context): Promise<void> {
  const jobd = await context.jobd();
  await print(context, jobd, await jobd.schedules.pause(name));
}

/** `jobd schedule resume` */
export async function resumeSchedule({ args: [name = ""] }: Input, context: Context): Promise<void> {
  const jobd = await context.jobd();
  await print(context, jobd, await jobd.schedules.resume(name));
}

/** `jobd schedule run` */
export async function runSchedule({ args: [name = ""] }: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const job = await jobd.schedules.run(name);
  if (out.json) out.document({ schedule: name, job: job ?? null });
  else if (job === undefined) out.note("The tick was told; the schedule has no job.");
  else out.line(job.id);
}

/** `jobd schedule delete` */
export async function deleteSchedule(
  { args: [name = ""], options }: Input<{ yes: OptionSpec<boolean> }>,
  context: Context,
): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const schedule = await jobd.schedules.get(name);
  context.confirm(`Delete the schedule ${name} of ${jobd.location} with its history?`, options.yes);
  await jobd.schedules.delete(name);
  if (out.json) return out.document({ deleted: name });
  out.note(`Schedule ${name} deleted; its jobs stay.`);
  if (schedule.source === "code") {
    out.note(
      styled("yellow", "note:"),
      " A program defines it: it comes back when a worker of that program starts.",
    );
  }
}

async function print({ out }: Context, jobd: Jobd, schedule: Schedule, past = false): Promise<void> {
  const now = jobd.now();
  const { name, spec, state, source, revision, createdAt } = schedule;
  const ticks = schedule.pausedAt === null ? await jobd.schedules.next(name, { count: SHOWN }) : [];
  const history = past ? await jobd.schedules.history(name, { limit: SHOWN }) : [];
  if (out.json) {
    const shown = past ? { history: history.map(tickView) } : {};
    return out.document({ ...scheduleView(schedule), nextTicks: ticks.map(iso), ...shown });
  }
  const field = (label: string, ...parts: Part[]): void =>
    out.line(styled("dim", `  ${label.padEnd(14)}`), ...parts);
  out.line(styled("bold", `Schedule ${name}`));
  field("State", ...stateParts(schedule, now));
  if (spec.description !== undefined) field("Description", spec.description);
  field("Times", timesText(spec));
  if (spec.startAt !== undefined) field("Start", instant(spec.startAt, now));
  if (spec.endAt !== undefined) field("End", instant(spec.endAt, now));
  field("Job", jobText(schedule));
  if (spec.job?.payload !== undefined) field("Payload", JSON.stringify(spec.job.payload));
  field("Overlap", spec.overlap);
  field(
    "Missed",
    spec.windowMs === undefined ? spec.missed : `${spec.missed}, within ${formatDuration(spec.windowMs)}`,
  );
  if (spec.jitterMs !== undefined) field("Jitter", `up to ${formatDuration(spec.jitterMs)}`);
  if (spec.pauseAfterFailures !== undefined) {
    field("Failures", `${state.failures} in a row; paused after ${spec.pauseAfterFailures}`);
  }
  field("Created", `${instant(createdAt, now)}, revision ${revision}`);
  if (source === "code") {
    field("Source", `a program${isOverridden(schedule) ? ", changed by an operator" : ""}`);
  }
  for (const [index, tick] of ticks.entries()) {
    field(index === 0 ? "Next" : "", ...tickParts(tick, spec.timezone, now));
  }
  if (history.length > 0) printHistory(out, history, now);
}

function stateParts({ pausedAt, pauseReason, ...rest }: Schedule, now: number): Part[] {
  if (pausedAt !== null) {
    const why = pauseReason === null ? "" : `: ${pauseReason}`;
    return [styled("yellow", `paused since ${instant(pausedAt, now)}${why}`)];
  }
  const status = statusOf({ pausedAt, pauseReason, ...rest });
  return [
    styled(
      status === "active" ? "green" : "dim",
      status === "active" ? "active" : "ended: it has no more ticks",
    ),
  ];
}

function jobText({ spec: { job } }: Schedule): Part {
  if (job === undefined) return styled("dim", "none: its ticks are events");
  const { payload } = job;
  const own = typeof payload === "object" && payload !== null && "type" in payload
    ? String(payload.type)
    : "claude";
  return `${job.type ?? own}${job.queue === undefined ? "" : ` in ${job.queue}`}`;
}

function noteText(schedule: Schedule): Part {
  const status = statusOf(schedule);
  if (status === "paused") {
    return styled("yellow", schedule.pauseReason === null ? "paused" : `paused: ${schedule.pauseReason}`);
  }
  return status === "ended" ? styled("dim", "ended") : schedule.state.waiting === null ? "" : "a tick waits";
}
