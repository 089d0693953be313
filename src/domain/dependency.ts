import { invalid, JobdError } from "./errors.ts";
import type { NewJob } from "./job.ts";
import { isUuid } from "./uuid.ts";

/** Jobs that one job can wait for at most. */
export const PARENTS_MAX = 1_000;

/** What happens to a job when one that it waits for ends without having completed. */
export const PARENT_FAILURES = ["cancel", "run", "hold"] as const;
/** One of {@linkcode PARENT_FAILURES}. */
export type ParentFailure = (typeof PARENT_FAILURES)[number];

/** A job, by its id or by what its enqueue has answered. */
export type JobRef = string | { readonly id: string };

/** What a job waits for before it may start. */
export type After = JobRef | readonly JobRef[] | AfterOptions;

/** {@linkcode After} with its settings. */
export interface AfterOptions {
  /** The jobs; up to 1,000. */
  jobs: JobRef | readonly JobRef[];
  /** The first of them that completes is enough. @default false */
  any?: boolean;
  /**
   * When one of them (with `any`, the last of them) ends as dead, cancelled or expired or is deleted: `cancel` ends this job
   * too, `run` starts it all the same, `hold` leaves it waiting until that job is retried and completes, or until an
   * operator runs or cancels this one. @default "cancel"
   */
  onFailure?: ParentFailure;
}

/** What a job waits for, as it is stored. */
export interface Dependency {
  /** The jobs. */
  jobs: string[];
  /** One is enough. */
  any?: true;
  /** What happens when they fail; without it the job is cancelled. */
  onFailure?: Exclude<ParentFailure, "cancel">;
}

/** How a job has ended for those who wait for it. */
export interface ParentEnd {
  /** The job. */
  id: string;
  /** Whether it has completed, in contrast to all other ways to end. */
  completed: boolean;
}

/** What ends of others mean for a job that waits for them. */
export type Review =
  /** It need not wait any more. */
  | { kind: "go" }
  /** It ends as cancelled. */
  | { kind: "cancel"; reason: string }
  /** It waits on. The jobs in `settled` do not matter any more, those in `held` only if they are retried. */
  | { kind: "wait"; settled: string[]; held: string[] };

/** Decides what ends of others mean for a job that waits. The only place where that is decided. */
export function review({ any, onFailure }: Dependency, ends: ParentEnd[]): Review {
  const passes = ends.filter(({ completed }) => completed || onFailure === "run").map(({ id }) => id);
  const failures = ends.filter(({ completed }) => !completed && onFailure !== "run").map(({ id }) => id);
  if (any && passes.length > 0) return { kind: "go" };
  if (onFailure === "hold") return { kind: "wait", settled: passes, held: failures };
  if (any) return { kind: "wait", settled: failures, held: [] };
  const [failed] = failures;
  return failed === undefined
    ? { kind: "wait", settled: passes, held: [] }
    : { kind: "cancel", reason: `Job ${failed}, which it waited for, has not completed` };
}

/** What it means that nothing is left to wait for. */
export function whenNoneLeft({ any }: Dependency): Exclude<Review, { kind: "wait" }> {
  return any
    ? { kind: "cancel", reason: "None of the jobs that it waited for has completed" }
    : { kind: "go" };
}

/** Whether a job is to come after others: its call is refused as a whole when one of them does not exist. */
export function comesAfter({ options }: Pick<NewJob, "options">): boolean {
  return options.after !== undefined;
}

/** Reads the `after` of a request. @throws {JobdError} `invalid_request` */
export function parseAfter(after: unknown): Dependency {
  const { jobs, any = false, onFailure = "cancel", ...rest } = toOptions(after);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw new JobdError("invalid_request", `Unknown field ${JSON.stringify(unknown)} of after`, {
      hint: "Known fields: jobs, any, onFailure.",
    });
  }
  if (typeof any !== "boolean") throw invalid("after.any", any, "true or false");
  if (!PARENT_FAILURES.includes(onFailure)) {
    throw invalid("after.onFailure", onFailure, `one of ${PARENT_FAILURES.join(", ")}`);
  }
  return {
    jobs: parents(jobs),
    ...(any ? { any } : {}),
    ...(onFailure === "cancel" ? {} : { onFailure }),
  };
}

function toOptions(after: unknown): AfterOptions {
  const isOptions = typeof after === "object" && after !== null && "jobs" in after;
  return isOptions ? after as AfterOptions : { jobs: after as JobRef };
}

function parents(jobs: unknown): string[] {
  const list: unknown[] = Array.isArray(jobs) ? jobs : [jobs];
  if (list.length === 0 || list.length > PARENTS_MAX) {
    throw invalid("after", `${list.length} jobs`, `1 to ${PARENTS_MAX} jobs`);
  }
  return [...new Set(list.map(parentId))];
}

function parentId(job: unknown): string {
  const id = typeof job === "object" && job !== null && "id" in job ? job.id : job;
  if (typeof id !== "string" || !isUuid(id)) throw invalid("after", id, "a job, or its id");
  return id;
}

/**
 * Jobs of one call so that each comes after those of the call that it waits for.
 *
 * @throws {JobdError} `invalid_request` when they wait for each other
 */
export function parentsFirst(jobs: readonly NewJob[]): NewJob[] {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const open = new Map(jobs.map((job) => [job.id, parentsIn(job, byId).length]));
  const children = new Map<string, NewJob[]>();
  for (const job of jobs) {
    for (const parent of parentsIn(job, byId)) {
      const list = children.get(parent);
      if (list === undefined) children.set(parent, [job]);
      else list.push(job);
    }
  }
  const sorted = jobs.filter(({ id }) => open.get(id) === 0);
  for (const { id } of sorted) {
    for (const child of children.get(id) ?? []) {
      const left = (open.get(child.id) ?? 0) - 1;
      open.set(child.id, left);
      if (left === 0) sorted.push(child);
    }
  }
  if (sorted.length === jobs.length) return sorted;
  const waiting = jobs.find(({ id }) => (open.get(id) ?? 0) > 0);
  throw new JobdError("invalid_request", `Job ${waiting?.id} would wait for itself`, {
    hint: "Jobs that wait for each other in a circle would never start. Nothing was enqueued.",
  });
}

function parentsIn({ options }: NewJob, jobs: ReadonlyMap<string, NewJob>): string[] {
  return (options.after?.jobs ?? []).filter((id) => jobs.has(id));
}

/** The error for a job that is to wait for one that is not there. */
export function unknownParent(job: NewJob, parent: string): JobdError {
  return new JobdError(
    "invalid_request",
    `Job ${job.id} is to wait for job ${parent}, which does not exist`,
    {
      hint: `Enqueue that job before, or in the same call; it must be in the namespace ${job.namespace}.`,
    },
  );
}
