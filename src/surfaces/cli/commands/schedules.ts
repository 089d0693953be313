import { MISSED_POLICIES, OVERLAP_POLICIES } from "../../../domain/schedule.ts";
import { choice, duration, integer, nameOf, text } from "../../config/readers.ts";
import { type ArgumentSpec, type Command, command, flag, list, value } from "../command.ts";
import { header, priority, redactPath, startTime } from "./job_readers.ts";
import { orUnset, UNSET } from "./queues.ts";
import { YES } from "./options.ts";

const NAME: readonly ArgumentSpec[] = [{ name: "name", summary: "the schedule" }];

const TIMES = {
  cron: value(
    text,
    "expression",
    'minute, hour, day, month, weekday, with seconds in front if wanted: "30 2 * * MON-FRI"',
  ),
  timezone: value(
    text,
    "zone",
    "the place whose clocks --cron is about, such as Europe/Berlin (default: UTC)",
  ),
  every: value(duration("1s"), "duration", "a period instead of --cron, such as 90m"),
  anchor: value(orUnset(startTime), "time", "one of the ticks of --every, from which the others are counted"),
} as const;

const RULE = {
  ...TIMES,
  start: value(orUnset(startTime), "time", "no tick before this time"),
  end: value(orUnset(startTime), "time", "no tick after this time"),
  jitter: value(orUnset(duration()), "duration", "start the job of a tick up to this much later"),
  missed: value(
    orUnset(choice(MISSED_POLICIES)),
    "policy",
    "ticks that came while no scheduler ran: skip them, make up for the latest, or for all (default: latest)",
  ),
  window: value(
    orUnset(duration("1ms")),
    "duration",
    "do not make up for ticks older than this (with all: 1d)",
  ),
  overlap: value(
    orUnset(choice(OVERLAP_POLICIES)),
    "policy",
    "while the job of an earlier tick has not ended: allow another, skip the tick, queue one, or cancel the earlier one " +
      "(default: allow)",
  ),
  pauseAfterFailures: value(
    orUnset(integer(1, 1_000)),
    "n",
    "pause after so many jobs in a row that have failed for good",
  ),
  description: value(orUnset(text), "text", "a note for people"),
} as const;

/** Flags about the job; `actions/schedule_flags.ts` puts them together. */
const JOB = {
  type: value(
    nameOf("type"),
    "name",
    "which handler runs the jobs (default: payload.type if there is one, else claude)",
    {
      short: "t",
    },
  ),
  payload: value(text, "json", "what the handler gets: JSON, @FILE to read it from a file, or - for stdin", {
    short: "p",
  }),
  queue: value(nameOf("queue"), "name", "the lane of the jobs (default: default)", { short: "q" }),
  priority: value(priority, "priority", "higher runs first: a number, or critical, high, medium, low"),
  maxAttempts: value(integer(1, 1000), "n", "a job is dead after this many failed runs"),
  timeout: value(duration("1ms"), "duration", "longest run of one attempt"),
  ttl: value(duration("1ms"), "duration", "a job expires unless it is finished within this time"),
  tag: list(text, "text", "a label of the jobs"),
  redact: list(
    redactPath,
    "path",
    "a value of their payload and result that nobody sees but the handler; added to those that there are",
    { commas: true },
  ),
  limitKey: value(text, "text", "what limits by key tell the jobs apart by"),
  header: list(header, "name=text", "what travels with the jobs, in place of all headers before"),
} as const;

/** Commands about schedules. */
export const SCHEDULE_COMMANDS: readonly Command[] = [
  command({
    path: "schedules",
    summary: "List schedules with their next ticks",
    examples: [["jobd schedules", "what comes when"]],
    run: async (...given) => (await import("../actions/schedules.ts")).listSchedules(...given),
  }),
  command({
    path: "schedule show",
    summary: "Show a schedule: its rule, its next ticks, what became of the latest ones",
    args: NAME,
    examples: [["jobd schedule show nightly-report", "is it well?"]],
    run: async (...given) => (await import("../actions/schedules.ts")).showSchedule(...given),
  }),
  command({
    path: "schedule create",
    summary: "Create a schedule: a job, or only an event, at each tick",
    details:
      "Without any flag about the job its ticks are told as events and nothing is enqueued (`jobd events --kind " +
      "schedule.tick`). A time that clocks skip comes at the first instant after the gap; one that comes twice counts the " +
      "first time; an expression for every hour goes by real time (docs/schedules.md).",
    args: NAME,
    options: { ...RULE, ...JOB, paused: flag("without ticks until it is resumed") },
    examples: [
      [
        `jobd schedule create nightly --cron "30 2 * * *" --timezone Europe/Berlin --payload '{"prompt":"review the log"}'`,
        "each night at half past two in Berlin",
      ],
      ["jobd schedule create sync --every 15m --type sync --overlap skip", "never two at a time"],
      ["jobd schedule create pulse --every 10s", "only events, for programs that listen"],
    ],
    run: async (...given) => (await import("../actions/schedules.ts")).createSchedule(...given),
  }),
  command({
    path: "schedule update",
    summary: "Change a schedule; what is not named stays",
    details:
      `The value ${UNSET} takes a setting back. With other times it goes on with the first tick after now; ticks that were ` +
      "missed before are not made up for.",
    args: NAME,
    options: { ...RULE, ...JOB, noJob: flag("enqueue nothing any more: only tell the ticks") },
    examples: [
      ['jobd schedule update nightly --cron "0 4 * * *"', "another time"],
      ["jobd schedule update nightly --overlap default --jitter 5m", "take one setting back, change another"],
    ],
    run: async (...given) => (await import("../actions/schedules.ts")).updateSchedule(...given),
  }),
  command({
    path: "schedule pause",
    summary: "No more ticks until it is resumed",
    args: NAME,
    examples: [["jobd schedule pause nightly", "not tonight"]],
    run: async (...given) => (await import("../actions/schedules.ts")).pauseSchedule(...given),
  }),
  command({
    path: "schedule resume",
    summary: "Go on with the next tick; those of the pause are not made up for",
    args: NAME,
    examples: [["jobd schedule resume nightly", "go on"]],
    run: async (...given) => (await import("../actions/schedules.ts")).resumeSchedule(...given),
  }),
  command({
    path: "schedule run",
    summary: "Do now what a tick does, and print the id of the job",
    args: NAME,
    examples: [["jobd schedule run nightly", "try it"]],
    run: async (...given) => (await import("../actions/schedules.ts")).runSchedule(...given),
  }),
  command({
    path: "schedule delete",
    summary: "Remove a schedule with its history; its jobs stay",
    details: "One that a program defines comes back when a worker of that program starts: pause it instead.",
    args: NAME,
    options: YES,
    examples: [["jobd schedule delete nightly --yes", "for good"]],
    run: async (...given) => (await import("../actions/schedules.ts")).deleteSchedule(...given),
  }),
  command({
    path: "schedule next",
    summary: "Print the coming ticks of a schedule, or of an expression that is only an idea",
    args: [{ name: "name", summary: "the schedule; or give --cron or --every", required: false }],
    options: {
      ...TIMES,
      count: value(integer(1, 1_000), "n", "how many", { short: "n", default: "5" }),
      from: value(startTime, "time", "those after this time (default: now)"),
    },
    examples: [
      ["jobd schedule next nightly", "when it comes"],
      [
        'jobd schedule next --cron "30 2 * * *" --timezone Europe/Berlin --from 2026-03-28',
        "what happens when clocks are changed",
      ],
    ],
    run: async (...given) => (await import("../actions/schedule_ticks.ts")).nextTicks(...given),
  }),
  command({
    path: "schedule history",
    summary: "Print what became of the latest ticks, newest first",
    args: NAME,
    options: { limit: value(integer(1, 100), "n", "at most this many", { short: "n", default: "20" }) },
    examples: [["jobd schedule history nightly", "did it run?"]],
    run: async (...given) => (await import("../actions/schedule_ticks.ts")).tickHistory(...given),
  }),
  command({
    path: "schedule backfill",
    summary: "Make the jobs of ticks that have passed and have none",
    details: "Repeating it makes no job twice. At most 10,000 ticks at once.",
    args: NAME,
    options: {
      from: value(startTime, "time", "from this time on"),
      to: value(startTime, "time", "up to this time (default: now)"),
    },
    examples: [["jobd schedule backfill nightly --from 2026-01-01 --to 2026-01-31", "a month again"]],
    run: async (...given) => (await import("../actions/schedule_ticks.ts")).backfillTicks(...given),
  }),
];
