import type { Amendment } from "../../domain/amendment.ts";
import { deferred, type Holder } from "../../domain/contest.ts";
import { JobdError } from "../../domain/errors.ts";
import type { NewJob } from "../../domain/job.ts";
import type { JobState } from "../../domain/states.ts";
import { uniqueLock } from "../../domain/unique.ts";
import type { InsertResult } from "../driver.ts";
import { amend } from "./amend.ts";
import { type Contender, Pass } from "./contest_pass.ts";
import { among, type Dialect } from "./dialect.ts";
import { jobColumns, jobTables, text, toJob } from "./row.ts";
import { run, type Script } from "./script.ts";

/** Inserts jobs as far as nothing is in their way; gives the results of those that it inserted, by their place. */
export type InsertFree = (contenders: Contender[]) => Script<Map<number, InsertResult>>;

/** What came of a contest. */
export interface Contested {
  /** One for each job, by its place. */
  results: Map<number, InsertResult>;
  /** Changes to jobs that were there. */
  amendments: Amendment[];
}

/** Rounds that come to nothing, after which somebody else is taken to be in the way all the time. */
const ROUNDS = 20;

/**
 * Inserts jobs whose unique keys may be held, as if one after the other: between each of them and the holder of its key
 * `planContest` decides. A round goes through them as far as no outcome depends on what is still to be written, and
 * writes all that together. Holders are changed only as they were seen; one that moved meanwhile is looked at again.
 *
 * All of it belongs into one transaction.
 */
export function* insertContested(
  d: Dialect,
  contenders: Contender[],
  insertFree: InsertFree,
): Script<Contested> {
  const done: Contested = { results: new Map(), amendments: [] };
  let idle = 0;
  for (let open = contenders; open.length > 0;) {
    yield* round(d, open, { insertFree, done });
    const rest = open.filter(({ at }) => !done.results.has(at));
    idle = rest.length < open.length ? 0 : idle + 1;
    if (idle > ROUNDS) throw tooFast();
    open = rest;
  }
  return done;
}

/** The error for jobs whose keys change hands faster than anybody can look. */
export function tooFast(): JobdError {
  return new JobdError("store_unavailable", "Other jobs with the same unique keys come and go too fast", {
    hint: "Try again.",
  });
}

function* round(
  d: Dialect,
  open: Contender[],
  { insertFree, done }: { insertFree: InsertFree; done: Contested },
): Script<void> {
  const pass = new Pass(yield* statesOf(d, open), yield* holdersOf(d, open));
  pass.through(open);
  const { amendments } = pass;
  const outcomes = amendments.length === 0 ? [] : yield* amend(d, amendments);
  const moved = new Set(amendments.filter((_, at) => outcomes[at] !== "applied").map(({ id }) => id));
  done.amendments.push(...amendments.filter(({ id }) => !moved.has(id)));
  const stands = ({ holder }: { holder?: string }): boolean => holder === undefined || !moved.has(holder);
  for (const { at, result } of pass.answers.filter(stands)) done.results.set(at, result);
  const free = pass.free.filter(stands);
  const inserted = yield* insertFree(free);
  for (const { at, displaced } of free) {
    const result = inserted.get(at);
    if (result === undefined) continue;
    done.results.set(at, displaced === undefined ? result : { ...result, outcome: "replaced", displaced });
  }
}

/** The states of the jobs that have the ids of contenders. */
function* statesOf(d: Dialect, open: Contender[]): Script<Map<string, JobState>> {
  const rows = yield* run(
    `select j.id as id, j.state as state from ${d.table("job")} j where j.id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(open.map(({ job }) => job.id))],
  );
  return new Map(rows.map((row) => [text(row.id), row.state as JobState]));
}

/** The jobs that have the locks of contenders, also those of the next period for jobs that may wait for it. */
function* holdersOf(d: Dialect, open: Contender[]): Script<Map<string, Holder>> {
  const wanted = open.flatMap(({ job }) => [job, deferred(job) ?? []].flat());
  const locks = new Set(wanted.flatMap((job: NewJob) => uniqueLock(job) ?? []));
  if (locks.size === 0) return new Map();
  const rows = yield* run(
    `select ${jobColumns(d, ["payload", "progress", "result", "error"])}, j.unique_lock as unique_lock ` +
      `from ${jobTables(d)} where j.unique_lock ${among(d, "$1", "text")}`,
    [JSON.stringify([...locks])],
  );
  return new Map(rows.map((row) => [text(row.unique_lock), toJob(row)]));
}
