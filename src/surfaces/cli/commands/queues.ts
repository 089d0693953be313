import { JITTERS } from "../../../domain/backoff.ts";
import { parseDuration } from "../../../domain/duration.ts";
import { parseKept } from "../../../domain/retention.ts";
import type { Retention } from "../../../domain/queue.ts";
import { FINAL_STATES, WAITING_STATES } from "../../../domain/states.ts";
import type { RateOptions } from "../../../domain/limit.ts";
import { choice, duration, integer, type Reader } from "../../config/readers.ts";
import { priority } from "./job_readers.ts";
import { type ArgumentSpec, type Command, command, flag, list, value } from "../command.ts";

/** Takes a setting of a queue back, so that the program's default holds again. */
export const UNSET = "default";

/** A setting that can be taken back. */
export function orUnset<T>(reader: Reader<T>): Reader<T | typeof UNSET> {
  return {
    allowed: `${reader.allowed}, or ${UNSET}`,
    read: (value) => value === UNSET ? UNSET : reader.read(value),
  };
}

const retention: Reader<Partial<Retention>> = {
  allowed: `a duration such as 7d, forever, or these by state such as completed=1d,dead=forever (${
    FINAL_STATES.join(", ")
  })`,
  read(value) {
    if (typeof value !== "string") return undefined;
    if (!value.includes("=")) {
      return Object.fromEntries(FINAL_STATES.map((state) => [state, parseKept(value)]));
    }
    const result: Partial<Retention> = {};
    for (const item of value.split(",")) {
      const [name = "", text = ""] = item.split("=", 2);
      const state = FINAL_STATES.find((one) => one === name.trim());
      if (state === undefined || state in result) return undefined;
      result[state] = parseKept(text.trim());
    }
    return result;
  },
};

const rate: Reader<RateOptions> = {
  allowed: "starts in a time such as 100/1m",
  read(value) {
    const [, limit, per] = /^(\d{1,7})\/(\S+)$/.exec(String(value)) ?? [];
    return limit === undefined || per === undefined
      ? undefined
      : { limit: Number(limit), per: parseDuration(per) };
  },
};

const SETTINGS = {
  concurrency: value(orUnset(integer(1, 1_000_000)), "n", "at most so many run at a time, on all machines"),
  rate: value(orUnset(rate), "n/time", "at most so many start in a time: 100/1m"),
  keyConcurrency: value(orUnset(integer(1, 1_000_000)), "n", "the same for the jobs of each limit key"),
  keyRate: value(orUnset(rate), "n/time", "the same for the jobs of each limit key"),
  priority: value(
    orUnset(priority),
    "priority",
    "of jobs that say nothing: a number, or critical, high, medium, low",
  ),
  ageing: value(
    orUnset(duration("1ms")),
    "duration",
    "a waiting job counts for one priority more each time that it has waited for so long",
  ),
  maxAttempts: value(
    orUnset(integer(1, 1000)),
    "n",
    "jobs that say nothing are dead after this many failed runs",
  ),
  timeout: value(orUnset(duration("1ms")), "duration", "longest run of jobs that say nothing"),
  ttl: value(
    orUnset(duration("1ms")),
    "duration",
    "jobs that say nothing expire unless finished within this time",
  ),
  backoffBase: value(orUnset(duration()), "duration", "delay after the first failure"),
  backoffMax: value(orUnset(duration()), "duration", "no delay after a failure is longer"),
  jitter: value(
    orUnset(choice(JITTERS)),
    "kind",
    `how much of a delay is left to chance: ${JITTERS.join(", ")}`,
  ),
  retention: value(
    orUnset(retention),
    "duration",
    "how long finished jobs are kept: 7d, forever, or completed=1d,dead=forever",
  ),
} as const;

const NAME: readonly ArgumentSpec[] = [{ name: "name", summary: "the queue" }];

const TIMEOUT = value(duration("1ms"), "duration", "do not wait for running jobs any longer");

const NAMES: readonly ArgumentSpec[] = [
  { name: "name", summary: "the queues", required: false, many: true },
];

/** Commands about queues. */
export const QUEUE_COMMANDS: readonly Command[] = [
  command({
    path: "queues",
    summary: "List queues with how many jobs they have in each state",
    examples: [["jobd queues", "where the work piles up"]],
    run: async (...given) => (await import("../actions/queues.ts")).listQueues(...given),
  }),
  command({
    path: "queue show",
    summary: "Show a queue: its jobs by state and its settings",
    args: NAME,
    examples: [["jobd queue show default", "the queue of jobs that name none"]],
    run: async (...given) => (await import("../actions/queues.ts")).showQueue(...given),
  }),
  command({
    path: "queue create",
    summary: "Create a queue with settings before its first job does it",
    args: NAME,
    options: SETTINGS,
    examples: [["jobd queue create mail --max-attempts 10 --backoff-base 30s", "patient retries"]],
    run: async (...given) => (await import("../actions/queues.ts")).createQueue(...given),
  }),
  command({
    path: "queue update",
    summary: "Change settings of a queue; the others stay",
    details: `The value ${UNSET} takes a setting back. Workers see changes within seconds.`,
    args: NAME,
    options: SETTINGS,
    examples: [
      ["jobd queue update mail --timeout 30s --retention completed=1d,dead=30d", "change two settings"],
      ["jobd queue update mail --concurrency 5 --rate 100/1m", "not more than the mail server takes"],
      ["jobd queue update mail --ageing 10m", "what waits for long gets past higher priorities"],
      ["jobd queue update mail --timeout default", "take one back"],
    ],
    run: async (...given) => (await import("../actions/queues.ts")).updateQueue(...given),
  }),
  command({
    path: "queue pause",
    summary: "Start no more jobs of queues; running ones go on",
    args: NAMES,
    options: { all: flag("every queue that the namespace has now") },
    examples: [
      ["jobd queue pause mail", "stop the line"],
      ["jobd queue pause --all", "stop everything"],
    ],
    run: async (...given) => (await import("../actions/queues.ts")).pauseQueue(...given),
  }),
  command({
    path: "queue resume",
    summary: "Start jobs of paused queues again",
    args: NAMES,
    options: { all: flag("every queue of the namespace") },
    examples: [["jobd queue resume mail", "go on"], ["jobd queue resume --all", "with everything"]],
    run: async (...given) => (await import("../actions/queues.ts")).resumeQueue(...given),
  }),
  command({
    path: "queue drain",
    summary: "Cancel the jobs of a queue that wait; running ones go on",
    details:
      "Jobs that are enqueued later are not meant. What was cancelled can be retried until its retention has passed: " +
      "`jobd jobs --state cancelled --queue mail` names them.",
    args: NAME,
    options: {
      state: list(choice(WAITING_STATES), "state", `only these: ${WAITING_STATES.join(", ")}`),
      wait: flag("until no job of the queue runs; those that would be retried are cancelled too"),
      timeout: { ...TIMEOUT, summary: "with --wait: do not wait any longer (default: for ever)" },
    },
    examples: [
      ["jobd queue drain mail", "nothing that waits shall run"],
      ["jobd queue drain mail --state scheduled", "only what waits for a time"],
      ["jobd queue drain mail --wait --timeout 5m", "and come back when it is idle"],
    ],
    run: async (...given) => (await import("../actions/queue_emptying.ts")).drainQueue(...given),
  }),
  command({
    path: "queue delete",
    summary: "Remove a queue with its settings and limits; one that has jobs only by force",
    details:
      "With --force it is paused, its running jobs are told to stop, and when they have, all its jobs are deleted with " +
      "their history; if they do not stop in time it stays paused, and calling again goes on. Jobs that are enqueued " +
      "later make the queue anew. Statistics stay.",
    args: NAME,
    options: {
      force: flag("with all its jobs"),
      timeout: { ...TIMEOUT, summary: "with --force: how long running jobs may take to stop (default: 1m)" },
    },
    examples: [
      ["jobd queue delete mail", "one that is empty"],
      ["jobd queue delete mail --force", "whatever is in it"],
    ],
    run: async (...given) => (await import("../actions/queue_emptying.ts")).deleteQueue(...given),
  }),
];
