import { NAMESPACE_COMMANDS } from "./namespaces.ts";
import { batchId } from "./options.ts";
import { EVENT_PATTERNS } from "../../../domain/event.ts";
import { SERIES_METRICS } from "../../../domain/series.ts";
import { choice, duration, integer, nameOf, text } from "../../config/readers.ts";
import { type Command, command, flag, list, value } from "../command.ts";

/** Shells for which there are completions. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** Commands about workers, numbers, the store and the program. */
export const STORE_COMMANDS: readonly Command[] = [
  command({
    path: "workers",
    summary: "List workers that showed life within the last minute",
    examples: [["jobd workers", "who runs jobs, and how many"]],
    run: async (...given) => (await import("../actions/workers.ts")).listWorkers(...given),
  }),
  command({
    path: "namespaces",
    summary: "List namespaces: tenants with queues and jobs of their own",
    examples: [["jobd namespaces", "who shares the store"]],
    run: async (...given) => (await import("../actions/namespaces.ts")).listNamespaces(...given),
  }),
  ...NAMESPACE_COMMANDS,
  command({
    path: "stats",
    summary: "Show jobs by queue and state, throughput, waiting and run times",
    details: "With --watch and --json: one JSON object a line.",
    options: {
      since: value(duration("1m", "30d"), "duration", "how far back throughput and times go", {
        default: "1h",
      }),
      step: value(
        duration("1m", "30d"),
        "duration",
        "show ended runs by steps of this much time, such as 1d",
      ),
      watch: flag("refresh until Ctrl-C", { short: "w" }),
      interval: value(duration("200ms", "1h"), "duration", "how often to refresh", { default: "2s" }),
    },
    examples: [
      ["jobd stats", "the last hour"],
      ["jobd stats --since 7d --step 1d", "each day of a week, from midnight to midnight in UTC"],
      ["jobd stats --watch --since 15m", "refreshed in place"],
    ],
    run: async (...given) => (await import("../actions/stats.ts")).showStats(...given),
  }),
  command({
    path: "series",
    summary: "Show how throughput, failures, waiting or run times went over time",
    details:
      "Statistics are kept by the minute for two days, then by the hour up to 90 days, then by the day: a line that " +
      "tells of more time than asked for says so.",
    options: {
      metric: value(choice(SERIES_METRICS), "metric", "what to show", { short: "m", default: "throughput" }),
      since: value(duration("1m"), "duration", "how far back", { default: "1d" }),
      step: value(
        duration("1m"),
        "duration",
        "time of one line, in whole minutes (default: about a hundred lines)",
      ),
      queue: value(nameOf("queue"), "name", "only of this queue", { short: "q" }),
      type: value(nameOf("type"), "name", "only of jobs of this type", { short: "t" }),
    },
    examples: [
      ["jobd series --since 6h --step 15m", "ended runs, by how they ended"],
      ["jobd series --metric failures --since 30d --step 1d --queue mail", "each day of a month"],
      ["jobd series --metric wait --json", "for programs, with histograms"],
    ],
    run: async (...given) => (await import("../actions/series.ts")).showSeries(...given),
  }),
  command({
    path: "events",
    summary:
      "Print what happens to jobs, batches, queues and schedules, one line for each event, until Ctrl-C",
    details:
      "With --json: one JSON object a line. Events are kept for an hour while somebody watches, so --after goes on " +
      "where an earlier run stopped; --after 0 begins with the oldest one that is kept.",
    options: {
      kind: list(choice(EVENT_PATTERNS), "kind", "only of these kinds", { short: "k", commas: true }),
      queue: list(nameOf("queue"), "name", "of these queues", { short: "q", commas: true }),
      type: list(nameOf("type"), "name", "of jobs of these types", { short: "t", commas: true }),
      job: list(text, "id", "of these jobs: ids, or beginnings or endings of them", {
        short: "j",
        commas: true,
      }),
      schedule: list(nameOf("schedule"), "name", "of these schedules", { commas: true }),
      batch: list(batchId, "id", "of these batches, by their whole ids", { commas: true }),
      after: value(
        integer(0, Number.MAX_SAFE_INTEGER),
        "id",
        "first those after this event (default: only new ones)",
      ),
    },
    examples: [
      ["jobd events", "everything, as it happens"],
      ["jobd events --kind job.dead,job.rescued --queue mails", "what goes wrong with mails"],
      [
        "jobd events --kind schedule.tick --json",
        "the ticks of all schedules, for programs that act on them",
      ],
      ["jobd events --job 4f2a91c0 --json", "the life of one job, for scripts"],
    ],
    run: async (...given) => (await import("../actions/events.ts")).printEvents(...given),
  }),
  command({
    path: "reencrypt",
    summary: "Encrypt jobs with the current key, where another one did",
    details:
      "For the change of a key: put the new one first in JOBD_ENCRYPTION_KEYS of every process, run this, and take the " +
      "old one away when `jobd doctor` says that no job needs it. Jobs may run meanwhile; an interrupted run is repeated.",
    examples: [["jobd reencrypt", "after a new key was put first"]],
    run: async (...given) => (await import("../actions/reencrypt.ts")).reencryptJobs(...given),
  }),
  command({
    path: "backup",
    summary: "Write a consistent copy of a SQLite store while it is in use",
    args: [{ name: "file", summary: "the file to write; it must not exist" }],
    examples: [["jobd backup jobd-$(date +%F).db", "a copy with the date in its name"]],
    run: async (...given) => (await import("../actions/backup.ts")).backup(...given),
  }),
  command({
    path: "doctor",
    summary: "Check configuration, store, schema, clock, permissions and handlers; exit 1 on errors",
    options: {
      expectWorker: flag(
        "an error unless a worker of this host showed life within the last 30 seconds (for health checks)",
      ),
    },
    examples: [
      ["jobd doctor", "what is wrong, and what to do about it"],
      ["jobd doctor --expect-worker", "the health check of a container"],
    ],
    run: async (...given) => (await import("../actions/doctor.ts")).doctor(...given),
  }),
  command({
    path: "completions",
    summary: "Print the completion script of a shell",
    args: [{ name: "shell", summary: SHELLS.join(", "), choices: SHELLS }],
    examples: [
      ["source <(jobd completions bash)", "in ~/.bashrc"],
      ["jobd completions zsh > ~/.zfunc/_jobd", "in a directory of $fpath"],
      ["jobd completions fish > ~/.config/fish/completions/jobd.fish", "for fish"],
    ],
    run: async (...given) => (await import("../actions/completions.ts")).printCompletions(...given),
  }),
  command({
    path: "version",
    summary: "Print the versions of jobd and of what it runs on",
    examples: [["jobd version", "for a bug report"]],
    run: async (...given) => (await import("../actions/version.ts")).printVersion(...given),
  }),
];
