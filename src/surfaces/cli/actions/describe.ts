import type { AgentOrigin } from "../../../domain/agent.ts";
import type { Gathering } from "../../../domain/group.ts";
import type { Dependency } from "../../../domain/dependency.ts";
import type { Job, JobOptions } from "../../../domain/job.ts";
import { formatDuration } from "../../../domain/duration.ts";
import { FOREVER_MS, formatKept } from "../../../domain/retention.ts";
import type { Json } from "../../../domain/json.ts";
import { formatInstant } from "../../../domain/instant.ts";
import { isFinal } from "../../../domain/states.ts";
import { type BlockedBy, blockedBy } from "../../../domain/wait.ts";
import type { Uniqueness } from "../../../domain/unique.ts";
import { instant, span } from "../format.ts";
import type { Output } from "../output.ts";
import { type Part, stateOf, styled } from "../style.ts";

const LABEL_WIDTH = 12;

/** Prints what a job is, field by field; `counts` is the priority for which it counts by now. */
export function describeJob(out: Output, job: Job, { now, counts }: { now: number; counts: number }): void {
  const field = (label: string, ...parts: Part[]): void =>
    out.line(styled("dim", `  ${label.padEnd(LABEL_WIDTH)}`), ...parts);
  out.line(styled("bold", `Job ${job.id}`));
  field("State", stateOf(job), stateNote(job, now));
  field("Type", job.type);
  field(
    "Queue",
    `${job.queue}, priority ${job.priority}${counts === job.priority ? "" : `, counts as ${counts} by now`}${
      job.namespace === "default" ? "" : `, namespace ${job.namespace}`
    }`,
  );
  field("Created", instant(job.createdAt, now));
  if (job.state === "scheduled") field("Next run", instant(job.runAt, now));
  if (job.startedAt !== null) {
    field("Started", `${instant(job.startedAt, now)}${job.worker === null ? "" : ` by ${job.worker}`}`);
  }
  if (job.finishedAt !== null) field("Finished", `${instant(job.finishedAt, now)}${tookNote(job)}`);
  if (job.expireAt !== null && !isFinal(job.state)) field("Expires", instant(job.expireAt, now));
  field(
    "Failures",
    `${job.failures} of ${job.maxAttempts}`,
    job.attempt > 0 ? `, attempt ${job.attempt}` : "",
  );
  if (job.options.group !== undefined) field("Group", groupText(job.options.group));
  if (job.options.after !== undefined) field("After", afterText(job.options.after));
  const { batch, callback } = job.options;
  if (batch !== undefined) field("Batch", batch);
  if (callback !== undefined) field("Batch", `${callback.batch}: its callback on ${callback.on}`);
  const options = optionsText(job.options);
  if (options !== "") field("Options", options);
  if (job.progress !== null) field("Progress", JSON.stringify(job.progress));
  if (job.error !== null) {
    field("Error", styled("red", `${job.error.message}`), styled("dim", ` [${job.error.code}]`));
    for (const cause of job.error.causes ?? []) field("", styled("dim", `because: ${cause}`));
  }
  const agent = agentText(job.result) || agentText(job.error?.data ?? null);
  if (agent !== "") field("Agent", agent);
  if (job.sealed !== undefined) field("Encrypted", styled("yellow", job.sealed));
  block(out, "Payload", job.payload);
  if (job.state === "completed") block(out, "Result", job.result);
}

function block(out: Output, label: string, value: Json): void {
  const short = JSON.stringify(value);
  if (short.length <= 90) {
    out.line(styled("dim", `  ${label.padEnd(LABEL_WIDTH)}`), short);
    return;
  }
  out.line(styled("dim", `  ${label}`));
  for (const line of JSON.stringify(value, null, 2).split("\n")) out.line(`    ${line}`);
}

const WAITS: Record<BlockedBy, (job: Job) => string> = {
  jobs: () => "waits for other jobs",
  limit: () => "waits at a limit",
  group: () => "gathers with others",
  wait: ({ waitingFor }) => `waits for ${JSON.stringify(waitingFor)}`,
};

/** What a blocked job waits for, in words; empty for others. */
export function whyBlocked(job: Job): string {
  const blocked = blockedBy(job);
  return blocked === null ? "" : WAITS[blocked](job);
}

function stateNote(job: Job, now: number): string {
  if (job.state === "running" && job.cancelRequestedAt !== null) {
    return `, told to stop ${instant(job.cancelRequestedAt, now)}`;
  }
  if (job.state === "blocked") return `, ${whyBlocked(job)}`;
  if (job.state === "running" && job.startedAt !== null) return ` for ${span(now - job.startedAt)}`;
  return "";
}

function tookNote(job: Job): string {
  if (job.startedAt === null || job.finishedAt === null || job.finishedAt < job.startedAt) return "";
  return `, took ${span(job.finishedAt - job.startedAt)}`;
}

function groupText({ key, size, maxAgeMs, silenceMs }: Gathering): string {
  const silence = silenceMs === undefined ? "" : `, after ${formatDuration(silenceMs)} of silence`;
  return `${key} (of ${size}, after ${formatDuration(maxAgeMs)}${silence})`;
}

function afterText({ jobs, any, onFailure }: Dependency): string {
  const which = jobs.length > 1 ? any ? "any of " : "all of " : "";
  const shown = jobs.slice(0, 5).join(", ") + (jobs.length > 5 ? ` and ${jobs.length - 5} more` : "");
  return `${which}${shown}${onFailure === undefined ? "" : `; if it fails: ${onFailure}`}`;
}

function optionsText(options: JobOptions): string {
  const {
    timeoutMs,
    backoff,
    retentionMs,
    ttlMs,
    uniqueKey,
    unique,
    limitKey,
    limitWeight,
    origin,
    tags,
    meta,
    headers,
    encrypted,
    redact,
    agent,
  } = options;
  return [
    timeoutMs === undefined ? [] : [`timeout ${formatDuration(timeoutMs)}`],
    ttlMs === undefined ? [] : [`ttl ${formatDuration(ttlMs)}`],
    backoff === undefined ? [] : [
      `backoff ${formatDuration(backoff.baseMs)} to ${
        formatDuration(backoff.maxMs)
      }, jitter ${backoff.jitter}`,
    ],
    retentionMs === undefined
      ? []
      : [`kept ${retentionMs >= FOREVER_MS ? "" : "for "}${formatKept(retentionMs)}`],
    uniqueKey === undefined ? [] : [`unique key ${JSON.stringify(uniqueKey)}`],
    unique === undefined ? [] : [uniqueText(unique)],
    limitKey === undefined ? [] : [`limit key ${JSON.stringify(limitKey)}`],
    limitWeight === undefined ? [] : [`limit weight ${limitWeight}`],
    origin === undefined ? [] : [`origin ${origin}`],
    tags === undefined ? [] : [`tags ${tags.join(", ")}`],
    meta === undefined ? [] : [`meta ${JSON.stringify(meta)}`],
    encrypted ? ["encrypted"] : [],
    headers === undefined ? [] : [`headers ${JSON.stringify(headers)}`],
    redact === undefined ? [] : [`redacts ${redact.join(", ")}`],
    agent === undefined ? [] : [originText(agent)],
  ].flat().join("; ");
}

function originText({ client, depth, parent }: AgentOrigin): string {
  return `from agent ${client}${parent === undefined ? "" : ` in job ${parent}`}, generation ${depth}`;
}

function uniqueText(
  { key, fields, scope, window, whileRunning, afterwards, onConflict }: Uniqueness,
): string {
  const by = [
    key === undefined ? [] : [`key ${JSON.stringify(key)}`],
    fields === undefined ? [] : [fields.join(", ")],
  ].flat();
  return [
    `unique by ${by.length === 0 ? "payload" : by.join(" and ")}`,
    scope === undefined ? [] : [`in its ${scope}`],
    window === undefined ? [] : [`per ${formatDuration(window.perMs)} from ${formatInstant(window.from)}`],
    whileRunning === undefined ? [] : ["until it starts"],
    afterwards === undefined ? [] : [`also when ${afterwards.join(", ")}`],
    onConflict === undefined ? [] : [`on conflict ${onConflict}`],
  ].flat().join(" ");
}

/** What an agent's result, or the data of its failure, says about its run. */
function agentText(result: Json): string {
  if (typeof result !== "object" || result === null || Array.isArray(result)) return "";
  const { sessionId, turns, costUsd } = result;
  return [
    typeof sessionId === "string" ? [`session ${sessionId}`] : [],
    typeof turns === "number" ? [`${turns} turn${turns === 1 ? "" : "s"}`] : [],
    typeof costUsd === "number" ? [`$${costUsd.toFixed(4)}`] : [],
  ].flat().join(", ");
}
