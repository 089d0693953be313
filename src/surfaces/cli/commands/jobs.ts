import { choice, duration, integer, kept, nameOf, type Reader, text } from "../../config/readers.ts";
import { PARENT_FAILURES } from "../../../domain/dependency.ts";
import { isUuid } from "../../../domain/uuid.ts";
import { JOB_STATES } from "../../../domain/states.ts";
import { CONFLICT_POLICIES, REPLACEABLE, STATE_GROUPS, UNIQUE_SCOPES } from "../../../domain/unique.ts";
import { UNIQUE_KEY_MAX } from "../../../domain/unique_request.ts";
import { type Command, command, flag, list, value } from "../command.ts";
import { GROUP_FLAGS } from "./groups.ts";
import { boundedText, header, priority, redactPath, someTime, startTime } from "./job_readers.ts";
import { UPDATE_COMMAND } from "./job_update.ts";
import { batchId, IDS, PAGE, STATE_FILTER } from "./options.ts";

const wholeId: Reader<string> = {
  allowed: "the whole id of a job, as `jobd enqueue` prints it",
  read: (value) => typeof value === "string" && isUuid(value) ? value : undefined,
};

/** Flags that make jobs unique; `actions/unique.ts` puts them together. */
const UNIQUE = {
  unique: flag("at most one unfinished job of this type has this payload; the one that exists is named"),
  uniqueKey: value(
    boundedText(UNIQUE_KEY_MAX),
    "text",
    "at most one unfinished job of this type has this key, whatever its payload",
  ),
  uniqueFields: list(text, "field", "the same for jobs with the same values at these places of the payload", {
    commas: true,
  }),
  uniqueScope: value(
    choice(UNIQUE_SCOPES),
    "scope",
    "which jobs count: of this type, of this type in this queue, or all of the namespace (default: type)",
  ),
  uniquePer: value(
    duration("1ms"),
    "duration",
    "at most one in each period, such as 1h: from full hour to full hour in UTC",
  ),
  uniqueStates: list(
    choice([...JOB_STATES, ...STATE_GROUPS]),
    "state",
    "states in which the job counts (default: unfinished; with --unique-per completed too)",
    { commas: true },
  ),
  onConflict: value(
    choice(CONFLICT_POLICIES),
    "policy",
    "when there is one: keep it; replace what it holds; debounce (start it --delay from now, with the new payload); throttle " +
      "(as keep, needs --unique-per); cancel it; or fail with exit code 4 (default: keep)",
  ),
  replace: list(choice(REPLACEABLE), "field", "to replace or debounce: only these", { commas: true }),
  maxWait: value(duration("1ms"), "duration", "to debounce: put off no longer than this"),
  defer: flag("to throttle: the first job too many waits for the next period"),
} as const;

/** Commands about jobs. */
export const JOB_COMMANDS: readonly Command[] = [
  command({
    path: "enqueue",
    summary: "Store a job (or, with --bulk, many) and print its id",
    details:
      "Without TYPE the type is payload.type if there is one, else claude. With --bulk each line of the payload " +
      "is the payload of one job, and all other flags hold for each of them. The line is accepted once the id is printed.",
    args: [{ name: "type", summary: "which handler runs it", required: false }],
    options: {
      payload: value(
        text,
        "json",
        "what the handler gets: JSON, @FILE to read it from a file, or - to read it from stdin",
        {
          short: "p",
        },
      ),
      bulk: flag("the payload is NDJSON: one job for each line (from stdin unless --payload says otherwise)"),
      spread: value(someTime, "duration", "with --bulk: distribute the starts evenly over this time"),
      jitter: flag("with --spread: start each job at a random moment of its part of the time"),
      queue: value(nameOf("queue"), "name", "the lane to wait in (default: default)", { short: "q" }),
      priority: value(
        priority,
        "n",
        "higher runs first: a number, or critical, high, medium, low (default: 0)",
      ),
      delay: value(duration(), "duration", "start no earlier than after this time, such as 5m"),
      at: value(startTime, "time", "start no earlier than at this time"),
      maxAttempts: value(
        integer(1, 1000),
        "n",
        "dead after this many failed runs (default: the queue's, else 5)",
      ),
      timeout: value(
        duration("1ms"),
        "duration",
        "longest run of one attempt (default: the queue's, else the handler's)",
      ),
      ttl: value(duration("1ms"), "duration", "expired unless finished within this time"),
      retention: value(
        kept,
        "duration",
        "how long it is kept after its end, or forever (default: as its queue says)",
      ),
      ...UNIQUE,
      after: list(
        wholeId,
        "job",
        "start only when this job has completed (its whole id); several: all of them",
        {
          commas: true,
        },
      ),
      afterAny: flag("with --after: when one of them has completed"),
      onParentFailure: value(
        choice(PARENT_FAILURES),
        "what",
        "with --after: cancel this job when one of them fails (the default), run it all the same, or hold it until that one is retried",
      ),
      batch: value(batchId, "id", "add it to this batch (its whole id), which must not have ended"),
      ...GROUP_FLAGS,
      limitKey: value(
        boundedText(255),
        "text",
        "what limits by key tell the job apart by, such as a customer",
      ),
      tag: list(boundedText(128), "text", "a label to filter by"),
      redact: list(
        redactPath,
        "path",
        "a value of payload and result that nobody sees but the handler, such as card.number or items.*.secret",
        { commas: true },
      ),
      origin: value(boundedText(256), "text", "who makes the job"),
      header: list(header, "name=text", "what travels with the job, such as the trace it belongs to"),
      encrypt: flag("store payload and result encrypted (needs JOBD_ENCRYPTION_KEYS)"),
      wait: flag("wait for the end, print the result, and exit 0 if the job completed, else 1", {
        short: "w",
      }),
      follow: flag("the same, with the log of the job on stderr while it runs", { short: "f" }),
    },
    examples: [
      [
        `jobd enqueue --payload '{"prompt":"write hello world in go","cwd":"/tmp"}'`,
        "a prompt for the agent",
      ],
      [
        `jobd enqueue --queue high --priority 10 --delay 5m --payload '{"prompt":"analyze security vulnerabilities","cwd":"/path/to/project"}'`,
        "before others of its queue, in five minutes",
      ],
      [`jobd enqueue --payload '{"type":"email","to":"user@example.com"}'`, "the payload names the type"],
      [
        "jobd enqueue exec --payload @job.json --follow",
        "payload from a file; watch it run and get its result",
      ],
      [
        `jobd enqueue report --unique-fields user.id --unique-per 1h --payload '{"user":{"id":7}}'`,
        "at most one an hour for each user",
      ],
      [
        "jobd enqueue reindex --unique-key shop --on-conflict debounce --delay 30s --max-wait 5m",
        "30 seconds after the last request, but within 5 minutes",
      ],
      ["generate-payloads | jobd enqueue email --bulk --queue mail", "one job for each line of JSON"],
      ["jobd enqueue email --bulk --payload @all.ndjson --spread 10m", "the same, not all at once"],
    ],
    run: async (...given) => (await import("../actions/enqueue.ts")).enqueue(...given),
  }),
  command({
    path: "jobs",
    summary: "List jobs",
    details:
      "Without --state, newest first. With states, in the order given: waiting jobs in the order in which they will run, finished ones latest first.",
    options: { ...STATE_FILTER, ...PAGE },
    examples: [
      ["jobd jobs", "the newest jobs"],
      ["jobd jobs --state running,available --queue high", "what runs and what comes next"],
      ["jobd jobs --state dead --search timeout --json", "for scripts"],
    ],
    run: async (...given) => (await import("../actions/jobs.ts")).listJobs(...given),
  }),
  command({
    path: "job show",
    summary: "Show jobs: state, attempts with timing, failures, result, log",
    details:
      'With --json: one object for one id, {"items": [...]} for several; log is {"lines", "more"}: the last lines, and whether there are others.',
    args: [IDS],
    options: {
      lines: value(integer(0, 10_000), "n", "last lines of the log to show", { short: "n", default: "10" }),
    },
    examples: [
      ["jobd job show 4f2a91c0", "by the last characters of its id"],
      ["jobd job show 4f2a91c0 --json | jq .result", "only the result"],
    ],
    run: async (...given) => (await import("../actions/job_show.ts")).showJobs(...given),
  }),
  command({
    path: "job cancel",
    summary: "Cancel jobs: those that wait never start, running ones are stopped",
    args: [IDS],
    examples: [["jobd job cancel 4f2a91c0 77b3e012", "two jobs"]],
    run: async (...given) => (await import("../actions/job_actions.ts")).cancel(...given),
  }),
  command({
    path: "job retry",
    summary: "Run finished, dead or retrying jobs again now, with their failures forgotten",
    args: [IDS],
    examples: [["jobd job retry 4f2a91c0", "give a dead job another life"]],
    run: async (...given) => (await import("../actions/job_actions.ts")).retry(...given),
  }),
  command({
    path: "job run",
    summary: "Run waiting jobs now instead of at their time",
    args: [IDS],
    examples: [["jobd job run 4f2a91c0", "do not wait for the delay"]],
    run: async (...given) => (await import("../actions/job_actions.ts")).runNow(...given),
  }),
  UPDATE_COMMAND,
  command({
    path: "job archive",
    summary: "Put waiting jobs among the dead letters: they run only if somebody retries them",
    args: [IDS],
    examples: [["jobd job archive 4f2a91c0", "not now, and not forgotten"]],
    run: async (...given) => (await import("../actions/job_actions.ts")).archive(...given),
  }),
  command({
    path: "job delete",
    summary: "Remove jobs with their history and logs; running ones are refused",
    args: [IDS],
    examples: [["jobd job delete 4f2a91c0", "forget a job"]],
    run: async (...given) => (await import("../actions/job_actions.ts")).remove(...given),
  }),
  command({
    path: "job logs",
    summary: "Print what jobs wrote while they ran",
    details:
      "Terminal control sequences are taken out unless --raw is given. With --json and --follow: one JSON object a line.",
    args: [IDS],
    options: {
      follow: flag("go on until the job has ended", { short: "f" }),
      raw: flag("exactly as it was written, control characters included"),
    },
    examples: [
      ["jobd job logs 4f2a91c0 -f", "watch a job run"],
      ["jobd job logs 4f2a91c0 --raw > log.txt", "the bytes as they came"],
    ],
    run: async (...given) => (await import("../actions/job_logs.ts")).printLogs(...given),
  }),
  command({
    path: "job executions",
    summary: "List the attempts of jobs: when, where, how long, how they ended",
    args: [IDS],
    examples: [["jobd job executions 4f2a91c0", "the history of one job"]],
    run: async (...given) => (await import("../actions/executions.ts")).jobExecutions(...given),
  }),
  command({
    path: "executions",
    summary: "List attempts of all jobs, those of the newest jobs first",
    options: PAGE,
    examples: [["jobd executions --limit 20", "what ran lately"]],
    run: async (...given) => (await import("../actions/executions.ts")).listExecutions(...given),
  }),
];
