import { formatDuration, MAX_DURATION_MS } from "../../../domain/duration.ts";
import type { Json } from "../../../domain/json.ts";
import { type Directive, fail, snooze } from "../../handler.ts";
import type { ProcessEnd } from "../../process/run_process.ts";
import { exitFailure } from "../run_child.ts";
import { lastLine } from "../tail.ts";
import type { AgentRecord, OutputFormat } from "./adapter.ts";

/** Everything that decides how an agent's attempt ends. */
export interface Evidence {
  /** How the program ended. */
  end: ProcessEnd;
  /** The format that it was asked for. */
  format: OutputFormat;
  /** Its final record; null without one. */
  record: AgentRecord | null;
  /** The end of what it printed. */
  stdoutTail: string;
  /** The end of its complaints. */
  stderrTail: string;
  /** The session to be continued by a retry; null when a retry must begin a new one. */
  sessionId: string | null;
  /** The limit of silence, for the message, in milliseconds. */
  idleMs: number | undefined;
  /** Wall time, epoch milliseconds: limits of the API end by it. */
  now: number;
  /** How long to wait for a limit that does not say when it ends, in milliseconds. */
  rateLimitDelayMs: number;
}

/**
 * How an attempt ended. An exit code alone proves nothing: with a JSON format only a complete record that says
 * success does, together with exit code 0 or with our having ended a program that would not go.
 */
export function verdict(evidence: Evidence): Json | Directive {
  const { record, end } = evidence;
  if (record !== null) {
    return record.ending === "success" ? success(record, evidence) : failure(record, evidence);
  }
  if (end.endedBy === "idle") {
    const silence = formatDuration(evidence.idleMs ?? 0);
    return fail({ code: "no_output", message: `No output for ${silence}`, data: data(evidence) });
  }
  if (evidence.format !== "text") return noResult(evidence);
  if (end.exitCode !== 0) return exited(evidence);
  if (evidence.stdoutTail.trim() === "") return noResult(evidence);
  return { result: evidence.stdoutTail.trimEnd(), exitCode: 0, ...sessionFact(evidence) };
}

function success(record: AgentRecord, evidence: Evidence): Json | Directive {
  const { end } = evidence;
  if (end.endedBy !== null) {
    return { result: record.text, ...record.facts, exitCode: end.exitCode, forcedExit: true };
  }
  if (end.exitCode !== 0) return exited(evidence);
  return { result: record.text, ...record.facts, exitCode: 0 };
}

function failure(record: AgentRecord, evidence: Evidence): Directive {
  const { ending } = record;
  const message = lastLine(record.text) || `The agent ended with ${ending}`;
  if (ending === "rate_limited") return snooze(limitDelayMs(record, evidence), `rate_limited: ${message}`);
  const permanent = ending === "unauthorised" || ending === "budget_stop" || ending === "turn_limit";
  return fail({ code: ending, message, data: data(evidence) }, { permanent });
}

function limitDelayMs({ resetsAt }: AgentRecord, { now, rateLimitDelayMs }: Evidence): number {
  return resetsAt === null || resetsAt <= now ? rateLimitDelayMs : Math.min(resetsAt - now, MAX_DURATION_MS);
}

function noResult(evidence: Evidence): Directive {
  const { end, stderrTail, stdoutTail } = evidence;
  const words = lastLine(stderrTail) || lastLine(stdoutTail);
  const { message } = exitFailure(end, words);
  return fail({
    code: "no_result",
    message: `Ended without a complete result. ${message}`,
    data: data(evidence),
  });
}

function exited(evidence: Evidence): Directive {
  const words = lastLine(evidence.stderrTail) || lastLine(evidence.stdoutTail);
  return fail({ ...exitFailure(evidence.end, words), data: data(evidence) });
}

/** What is kept with a failure. A retry reads the session from it. */
function data({ record, end, stderrTail, sessionId }: Evidence): { [key: string]: Json } {
  return {
    ...record?.facts,
    ...(record === null ? {} : { result: record.text }),
    exitCode: end.exitCode,
    signal: end.signal,
    stderrTail,
    sessionId,
  };
}

function sessionFact({ sessionId }: Evidence): { [key: string]: Json } {
  return sessionId === null ? {} : { sessionId };
}
