import type { Amendment } from "../../domain/amendment.ts";
import type { Run, Transition } from "../../domain/transition.ts";
import { isOpen, type JobWait, type WaitOpening } from "../../domain/wait.ts";
import type { AmendResult, EndedWaits } from "../driver.ts";
import { compareText, type JobRow, type Tables } from "./tables.ts";

/** Where jobs wait whose handlers wait, among the gates; no gate has this name. */
const WAIT = "wait";

/** A live attempt asks for a wait. */
export function openWait(
  tables: Tables,
  { id, attempt }: Run,
  { name, kind, at, ask, until }: WaitOpening,
): JobWait | undefined {
  if (tables.live(id, attempt) === undefined) return undefined;
  const wait = tables.waits.get(id)?.get(name) ?? newWait({ jobId: id, name, kind, openedAt: at });
  put(tables, wait);
  if (ask && wait.askedAt === null) Object.assign(wait, { askedAt: at, until });
  const { askedAt, answeredAt, timedOutAt } = wait;
  const open = answeredAt === null && timedOutAt === null;
  if (open && askedAt !== null && wait.until !== null && wait.until <= at) wait.timedOutAt = at;
  return wait;
}

/** A live attempt takes back an answer. */
export function forgetWait(tables: Tables, { id, attempt }: Run, name: string): boolean {
  return tables.live(id, attempt) !== undefined && tables.waits.get(id)?.delete(name) === true;
}

/** A job that has stopped running waits. */
export function block(tables: Tables, job: JobRow, name: string): void {
  tables.makeBlocked(job, WAIT, 0);
  job.waitingFor = name;
}

/** A job that waits since this batch goes on, if it has its answer. */
export function park(tables: Tables, { id, wait: name, at }: Transition & { to: "blocked" }): void {
  const job = tables.jobs.get(id);
  if (job === undefined) return;
  const wait = tables.waits.get(job.id)?.get(name);
  if (wait === undefined || wait.answeredAt !== null || wait.timedOutAt !== null) {
    return goOn(tables, job, at);
  }
  tables.dueWaits.add(wait);
}

/** Keeps an answer, if there is none; a job that is parked there goes on. */
export function answerWait(tables: Tables, job: JobRow, { at, change }: Amendment): AmendResult {
  if (change.kind !== "answer") return "stale";
  const { name, value, key = null } = change.answer;
  const known = tables.waits.get(job.id)?.get(name);
  if (known !== undefined && !isOpen(known, at)) return "stale";
  const wait = known ?? newWait({ jobId: job.id, name, kind: "answer", openedAt: at });
  Object.assign(wait, { answeredAt: at, answerKey: key, value });
  put(tables, wait);
  tables.dueWaits.delete(wait);
  if (job.state === "blocked" && job.waitingFor === name) goOn(tables, job, at);
  return "applied";
}

/** Ends waits of parked jobs whose time is over. */
export function endWaits(tables: Tables, now: number, limit: number): EndedWaits {
  const isDue = ({ until }: JobWait): boolean => until !== null && until <= now;
  const released: string[] = [];
  for (const wait of dueWaits(tables).filter(isDue).slice(0, limit)) {
    tables.dueWaits.delete(wait);
    const job = tables.jobs.get(wait.jobId);
    if (job?.state !== "blocked" || job.waitingFor !== wait.name) continue;
    wait.timedOutAt = now;
    released.push(job.id);
    goOn(tables, job, now);
  }
  return { released, nextDueAt: dueWaits(tables)[0]?.until ?? null };
}

/** Waits whose time will be over, soonest first; those of jobs that have left them too, until then. */
function dueWaits(tables: Tables): JobWait[] {
  return [...tables.dueWaits].filter(({ until }) => until !== null)
    .sort((a, b) =>
      (a.until ?? 0) - (b.until ?? 0) || compareText(a.jobId, b.jobId) ||
      compareText(a.name, b.name)
    );
}

/** Forgets waits of a job: all of them, those without an answer, or those that are over. */
export function forgetWaits(tables: Tables, job: JobRow, which: "all" | "unanswered" | "over"): void {
  for (const [name, wait] of tables.waits.get(job.id) ?? []) {
    const over = wait.answeredAt !== null || wait.timedOutAt !== null;
    if (which === "unanswered" && wait.answeredAt !== null) continue;
    if (which === "over" && !over) continue;
    tables.waits.get(job.id)?.delete(name);
    tables.dueWaits.delete(wait);
  }
}

function goOn(tables: Tables, job: JobRow, now: number): void {
  job.waitingFor = null;
  if (job.runAt > now) tables.makeScheduled(job, job.runAt);
  else tables.makeAvailable(job);
}

function put(tables: Tables, wait: JobWait): void {
  const waits = tables.waits.get(wait.jobId) ?? new Map<string, JobWait>();
  tables.waits.set(wait.jobId, waits.set(wait.name, wait));
}

function newWait(
  wait: Pick<JobWait, "jobId" | "name" | "kind" | "openedAt">,
): JobWait {
  return {
    ...wait,
    askedAt: null,
    until: null,
    answeredAt: null,
    answerKey: null,
    value: null,
    timedOutAt: null,
  };
}
