import type { Amendment } from "../../domain/amendment.ts";
import type { Job } from "../../domain/job.ts";
import { moves, patchedOptions, type Replacement, stateAfter } from "../../domain/replacement.ts";
import { among, type Dialect } from "./dialect.ts";
import { dispatch } from "./dispatch.ts";
import { jobColumns, jobTables, toJob } from "./row.ts";
import { queueIds, queueKey } from "./queues.ts";
import { restoreQueues } from "./removed_queues.ts";
import { run, type Script } from "./script.ts";
import { own } from "./seen.ts";
import { forgetSteps } from "./steps.ts";
import { forgetWaits } from "./waits.ts";

/** A replacement and the job as it is, which nobody else changes any more. */
interface Known {
  amendment: Amendment;
  job: Job;
  set: Replacement;
}

/**
 * Waiting jobs take over what is new, if they still are as they were seen; gives their ids. One that stays where it is
 * keeps its dispatch row, and thereby its place: if a claim comes first the job is not as it was seen, if it comes later it
 * reads what is new. Dispatch rows are taken before jobs are locked, as a claim does it, so the two cannot wait for each
 * other.
 */
export function* replace(d: Dialect, waiting: Amendment[]): Script<string[]> {
  const leaving = waiting.filter(isMoving);
  const owned = new Set((yield* own(d, leaving)).map(({ id }) => id));
  const known = yield* lockKnown(d, waiting.filter((each) => !isMoving(each) || owned.has(each.id)));
  if (known.length === 0) return [];
  yield* write(d, known);
  const moved = known.filter(({ amendment }) => isMoving(amendment));
  yield* dispatch(d, moved.filter((each) => stateOf(each) === "available").map(({ job }) => job.id));
  yield* schedule(d, moved.filter((each) => stateOf(each) === "scheduled").map(({ job }) => job.id));
  yield* reorderParked(d, known);
  const renewed = known.filter(({ job, set }) => set.payload !== undefined && job.attempt > 0);
  yield* forgetSteps(d, renewed.map(({ job }) => job.id));
  yield* forgetWaits(d, renewed.map(({ job }) => job.id), "over");
  return known.map(({ job }) => job.id);
}

function isMoving({ from: state, attempt, waitingFor, at, change }: Amendment): boolean {
  return moves(
    { state, attempt, waitingFor: waitingFor ?? null },
    change.kind === "replace" ? change.set : {},
    at,
  );
}

function stateOf({ job, set, amendment }: Known): Job["state"] {
  return stateAfter(job, set, amendment.at);
}

function* lockKnown(d: Dialect, replacements: Amendment[]): Script<Known[]> {
  if (replacements.length === 0) return [];
  const rows = yield* run(
    `select ${jobColumns(d, ["payload", "result", "progress", "error"])} from ${jobTables(d)} ` +
      `where j.id ${among(d, "$1", "uuid")} order by j.id ${d.lock("j")}`,
    [JSON.stringify(replacements.map(({ id }) => id))],
  );
  const found = new Map(rows.map(toJob).map((job) => [job.id, job]));
  return replacements.flatMap((amendment) => {
    const { id, from, attempt, change } = amendment;
    const job = found.get(id);
    if (job?.state !== from || job.attempt !== attempt || change.kind !== "replace") return [];
    return [{ amendment, job, set: change.set }];
  });
}

function* write(d: Dialect, known: Known[]): Script<void> {
  const queues = yield* queueIds(
    d,
    known.flatMap(({ job: { namespace }, set: { queue: name }, amendment: { at } }) =>
      name === undefined ? [] : [{ namespace, name, createdAt: at }]
    ),
  );
  const rows = d.rows("$1", "r", {
    job_id: "uuid",
    new_queue: "bigint",
    new_priority: "integer",
    new_state: "text",
    new_run_at: "instant",
    new_max_attempts: "integer",
    sets_expire_at: "integer",
    new_expire_at: "instant",
    new_options: "json",
    sets_payload: "integer",
    new_payload: "json",
    moves: "integer",
  });
  yield* run(
    `update ${
      d.table("job")
    } as j set queue_id = coalesce(r.new_queue, j.queue_id), priority = r.new_priority, ` +
      "state = r.new_state, run_at = coalesce(r.new_run_at, j.run_at), max_attempts = r.new_max_attempts, " +
      "expire_at = case when r.sets_expire_at = 1 then r.new_expire_at else j.expire_at end, " +
      "options = r.new_options, " +
      "payload = case when r.sets_payload = 1 then coalesce(r.new_payload, 'null') else j.payload end, " +
      `seq = case when r.moves = 1 then null else j.seq end from ${rows} where j.id = r.job_id`,
    [JSON.stringify(known.map((one) => newRow(one, queues)))],
  );
  for (const { job: { namespace }, set: { queue }, amendment: { at } } of known) {
    const id = queue === undefined ? undefined : queues.get(queueKey(namespace, queue));
    if (id !== undefined) yield* restoreQueues(d, [id], at);
  }
}

/** JSON that is null is stored as such: a payload has no missing values. */
function newRow(known: Known, queues: ReadonlyMap<string, number>): Record<string, unknown> {
  const { amendment, job, set } = known;
  return {
    job_id: job.id,
    new_queue: set.queue === undefined ? null : queues.get(queueKey(job.namespace, set.queue)),
    new_priority: set.priority ?? job.priority,
    new_state: stateOf(known),
    new_run_at: set.runAt ?? null,
    new_max_attempts: set.maxAttempts ?? job.maxAttempts,
    sets_expire_at: set.expireAt === undefined ? 0 : 1,
    new_expire_at: set.expireAt ?? null,
    new_options: patchedOptions(job.options, set),
    sets_payload: set.payload === undefined ? 0 : 1,
    new_payload: set.payload ?? null,
    moves: isMoving(amendment) ? 1 : 0,
  };
}

function* schedule(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  yield* run(
    `insert into ${d.table("scheduled")} (run_at, job_id) ` +
      `select run_at, id from ${d.table("job")} where id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(ids)],
  );
}

/** Those that wait for others, or whose handlers wait, stay where they are, in the order of their priorities. */
function* reorderParked(d: Dialect, known: Known[]): Script<void> {
  const changed = known.filter((each) => {
    const { set } = each;
    return stateOf(each) === "blocked" && (set.queue ?? set.priority) !== undefined;
  });
  if (changed.length === 0) return;
  yield* run(
    `update ${d.table("parked")} as p set queue_id = j.queue_id, rank = -j.priority from ${
      d.table("job")
    } j ` +
      `where p.job_id = j.id and j.id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(changed.map(({ job }) => job.id))],
  );
}
