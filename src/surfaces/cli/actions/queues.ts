import type { Backoff } from "../../../domain/backoff.ts";
import { DEFAULT_BACKOFF, type Jitter } from "../../../domain/backoff.ts";
import { formatDuration } from "../../../domain/duration.ts";
import { formatKept } from "../../../domain/retention.ts";
import { JobdError } from "../../../domain/errors.ts";
import type { RateOptions } from "../../../domain/limit.ts";
import type { Queue, QueueSettings, Retention } from "../../../domain/queue.ts";
import { JOB_STATES, type JobState } from "../../../domain/states.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { QueueCount } from "../../../storage/driver.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { instant } from "../format.ts";
import type { Output } from "../output.ts";
import { type Part, styled } from "../style.ts";
import { compact } from "./compact.ts";
import { changeLimits, limitsOf, limitText } from "./queue_limits.ts";
import { reportMisses } from "./targets.ts";
import { iso, queueView } from "../../views.ts";

/** States that are counted: completed jobs are too many for that. */
export const COUNTED = JOB_STATES.filter((state) => state !== "completed");

type Given<T> = OptionSpec<T | "default" | undefined>;
type SettingsInput = Input<{
  ageing: Given<number>;
  priority: Given<number>;
  maxAttempts: Given<number>;
  timeout: Given<number>;
  ttl: Given<number>;
  backoffBase: Given<number>;
  backoffMax: Given<number>;
  jitter: Given<Jitter>;
  retention: Given<Partial<Retention>>;
  concurrency: Given<number>;
  rate: Given<RateOptions>;
  keyConcurrency: Given<number>;
  keyRate: Given<RateOptions>;
}>;

type PauseInput = Input<{ all: OptionSpec<boolean> }>;

/** `jobd queues` */
export async function listQueues(_: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const queues = await jobd.queues.list();
  const counts = await jobd.queues.counts();
  if (out.json) out.document({ items: queues.map((queue) => queueView(queue, counts)) });
  else if (queues.length === 0) out.note("No queues yet: one appears with its first job.");
  else {
    const columns = COUNTED.map((state) => ({ title: state.toUpperCase(), align: "right" as const }));
    out.table(
      [{ title: "QUEUE" }, ...columns, { title: "NOTE" }],
      queues.map((queue) => [
        queue.name,
        ...COUNTED.map((state) => countText(counts, queue.name, state)),
        queue.pausedAt === null ? "" : styled("yellow", "paused"),
      ]),
    );
  }
}

/** A count as it is shown: nothing for none, "10000+" when it was capped. */
export function countText(counts: readonly QueueCount[], queue: string, state: JobState): Part {
  const found = counts.find((one) => one.queue === queue && one.state === state);
  if (found === undefined || found.count === 0) return styled("dim", "0");
  return `${found.count}${found.capped ? "+" : ""}`;
}

/** `jobd queue show` */
export async function showQueue({ args }: Input, context: Context): Promise<void> {
  const jobd = await context.jobd();
  await print(context.out, jobd, await jobd.queues.get(args[0] ?? ""));
}

/** `jobd queue create` */
export async function createQueue({ args, options }: SettingsInput, context: Context): Promise<void> {
  const settings = change({}, options);
  const jobd = await context.jobd();
  const queue = await jobd.queues.create(args[0] ?? "", settings);
  await changeLimits(jobd, queue.name, options);
  await print(context.out, jobd, queue);
}

/** `jobd queue update` */
export async function updateQueue({ args, options }: SettingsInput, context: Context): Promise<void> {
  if (Object.values(options).every((value) => value === undefined)) {
    throw new JobdError("invalid_request", "It is not said what to change", {
      hint: "Give a setting such as --timeout 30s; see `jobd queue update --help`.",
    });
  }
  const jobd = await context.jobd();
  const before = await jobd.queues.get(args[0] ?? "");
  const queue = await jobd.queues.update(before.name, change(before.settings, options));
  await changeLimits(jobd, queue.name, options);
  await print(context.out, jobd, queue);
}

/** `jobd queue pause` */
export function pauseQueue(input: PauseInput, context: Context): Promise<number> {
  return each("pause", input, context);
}

/** `jobd queue resume` */
export function resumeQueue(input: PauseInput, context: Context): Promise<number> {
  return each("resume", input, context);
}

async function each(
  action: "pause" | "resume",
  { args, options }: PauseInput,
  context: Context,
): Promise<number> {
  if (options.all === (args.length > 0)) {
    throw new JobdError("invalid_request", `It is not said which queues to ${action}`, {
      hint: `Give either names or --all.`,
    });
  }
  const { out } = context;
  const jobd = await context.jobd();
  const [name = ""] = args;
  if (args.length === 1) {
    await print(out, jobd, await jobd.queues[action](name));
    return 0;
  }
  const report = await jobd.queues[action](options.all ? "*" : args);
  if (out.json) out.document(report);
  else {for (const name of report.succeeded) {
      out.line(name, " ", styled("dim", action === "pause" ? "paused" : "open"));
    }}
  return reportMisses(
    out,
    report.failed.map(({ name, code, reason }) => ({ id: name, code, reason: `Queue ${name}: ${reason}` })),
  );
}

/** The settings with the given ones over them. */
function change(before: QueueSettings, given: SettingsInput["options"]): QueueSettings {
  const pick = <T>(value: T | "default" | undefined, old: T | undefined): T | undefined =>
    value === "default" ? undefined : value ?? old;
  return compact({
    priority: pick(given.priority, before.priority),
    maxAttempts: pick(given.maxAttempts, before.maxAttempts),
    timeoutMs: pick(given.timeout, before.timeoutMs),
    ttlMs: pick(given.ttl, before.ttlMs),
    backoff: backoff(before.backoff, given),
    retentionMs: given.retention === "default"
      ? undefined
      : given.retention === undefined
      ? before.retentionMs
      : { ...before.retentionMs, ...given.retention },
    ageingMs: pick(given.ageing, before.ageingMs),
  });
}

/** A backoff is kept whole: when one part is set the others are too; when all are taken back it goes. */
function backoff(before: Backoff | undefined, given: SettingsInput["options"]): Backoff | undefined {
  const { backoffBase: base, backoffMax: max, jitter } = given;
  if (base === undefined && max === undefined && jitter === undefined) return before;
  const start = before ?? DEFAULT_BACKOFF;
  const baseMs = base === "default" ? DEFAULT_BACKOFF.baseMs : base ?? start.baseMs;
  const wantedMax = max === "default" ? DEFAULT_BACKOFF.maxMs : max;
  const maxMs = wantedMax ?? (before === undefined ? Math.max(start.maxMs, baseMs) : start.maxMs);
  if (baseMs > maxMs) {
    const [shownBase, shownMax] = [formatDuration(baseMs), formatDuration(maxMs)];
    throw new JobdError(
      "invalid_request",
      `The backoff base of ${shownBase} is longer than the maximum of ${shownMax}`,
      {
        hint: "Set --backoff-max too.",
      },
    );
  }
  const result = {
    baseMs,
    maxMs,
    jitter: jitter === "default" ? DEFAULT_BACKOFF.jitter : jitter ?? start.jitter,
  };
  const unset = [base, max, jitter].every((value) => value === "default" || value === undefined) &&
    (Object.keys(result) as (keyof Backoff)[]).every((key) => result[key] === DEFAULT_BACKOFF[key]);
  return unset ? undefined : result;
}

async function print(out: Output, jobd: Jobd, queue: Queue): Promise<void> {
  const now = jobd.now();
  const counts = await jobd.queues.counts();
  const limits = await limitsOf(jobd, queue.name);
  if (out.json) {
    const shown = limits.map(({ key, settings, pausedAt }) => ({ key, settings, pausedAt: iso(pausedAt) }));
    out.document({ ...queueView(queue, counts), limits: shown });
    return;
  }
  const field = (label: string, ...parts: Part[]): void =>
    out.line(styled("dim", `  ${label.padEnd(14)}`), ...parts);
  out.line(styled("bold", `Queue ${queue.name}`));
  field(
    "State",
    queue.pausedAt === null
      ? styled("green", "open")
      : styled("yellow", `paused since ${instant(queue.pausedAt, now)}`),
  );
  field("Created", instant(queue.createdAt, now));
  const jobs = COUNTED.flatMap((state) => {
    const found = counts.find((one) => one.queue === queue.name && one.state === state);
    return found === undefined || found.count === 0
      ? []
      : [`${found.count}${found.capped ? "+" : ""} ${state}`];
  });
  field("Jobs", jobs.length === 0 ? "none that are not completed" : jobs.join(", "));
  const { priority, maxAttempts, timeoutMs, ttlMs, backoff, retentionMs, ageingMs } = queue.settings;
  if (priority !== undefined) field("Priority", String(priority));
  if (maxAttempts !== undefined) field("Max attempts", String(maxAttempts));
  if (timeoutMs !== undefined) field("Timeout", formatDuration(timeoutMs));
  if (ttlMs !== undefined) field("Time to live", formatDuration(ttlMs));
  if (backoff !== undefined) {
    field(
      "Backoff",
      `${formatDuration(backoff.baseMs)} doubled up to ${
        formatDuration(backoff.maxMs)
      }, jitter ${backoff.jitter}`,
    );
  }
  const kept = Object.entries(retentionMs ?? {}).map(([state, ms]) => `${state} ${formatKept(ms)}`);
  if (kept.length > 0) field("Retention", kept.join(", "));
  if (ageingMs !== undefined) {
    field("Ageing", `one priority more for each ${formatDuration(ageingMs)} of waiting`);
  }
  for (const limit of limits) field("Limit", limitText(limit));
}
