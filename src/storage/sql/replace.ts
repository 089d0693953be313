import type { Amendment, Replacement } from "../../domain/amendment.ts";
import { stateAfter } from "../../domain/contest.ts";
import type { JobState } from "../../domain/states.ts";
import type { ColumnType, Dialect } from "./dialect.ts";
import { dispatch } from "./dispatch.ts";
import { own, seenJson, seenRows } from "./seen.ts";
import { text } from "./row.ts";
import { run, type Script } from "./script.ts";
import { forgetSteps } from "./steps.ts";

/** The columns that a replacement may write. JSON that is null is stored as such: these columns have no missing values. */
const COLUMNS = {
  payload: ["payload", "json"],
  priority: ["priority", "integer"],
  maxAttempts: ["max_attempts", "integer"],
  runAt: ["run_at", "instant"],
  expireAt: ["expire_at", "instant"],
  options: ["options", "json"],
} as const satisfies Record<keyof Replacement, readonly [string, ColumnType]>;

type Field = keyof typeof COLUMNS;

/** What a replacement writes, and where its job waits before and after. */
interface Shape {
  fields: Field[];
  from: JobState;
  to: JobState;
}

/** Replacements with the same text can be written together. */
export function shapeOf(amendment: Amendment): string {
  const { fields, from, to } = shape(amendment);
  return [from, to, ...fields].join(" ");
}

/**
 * Waiting jobs take over what others bring; all of them have the same shape. One that stays where it is keeps its dispatch
 * row, and thereby its place: if a claim comes first the job is not as it was seen, if it comes later it reads what is new.
 */
export function* replace(d: Dialect, waiting: Amendment[]): Script<string[]> {
  const [first] = waiting;
  if (first === undefined) return [];
  const { fields, from, to } = shape(first);
  const moves = to !== "blocked" &&
    (fields.includes("runAt") || from !== to || (from === "available" && fields.includes("priority")));
  const ids = yield* write(d, moves ? yield* own(d, waiting) : waiting, { fields, from, to });
  const written = new Set(ids);
  if (moves && to === "scheduled") yield* schedule(d, ids);
  else if (moves) yield* dispatch(d, waiting.map(({ id }) => id).filter((id) => written.has(id)));
  if (fields.includes("payload")) {
    yield* forgetSteps(
      d,
      waiting.filter(({ attempt }) => attempt > 0).map(({ id }) => id).filter((id) => written.has(id)),
    );
  }
  return ids;
}

function shape(amendment: Amendment): Shape {
  const { from, attempt, at } = amendment;
  const set = replacementOf(amendment);
  const fields = (Object.keys(COLUMNS) as Field[]).filter((field) => set[field] !== undefined);
  return { fields, from, to: stateAfter({ state: from, attempt }, set, at) };
}

function replacementOf({ change }: Amendment): Replacement {
  return change.kind === "replace" ? change.set : {};
}

function* write(d: Dialect, seen: Amendment[], { fields, to }: Shape): Script<string[]> {
  if (seen.length === 0) return [];
  const columns = fields.map((field) => COLUMNS[field]);
  const values = columns.map(([name, type]) =>
    `${name} = ${type === "json" ? `coalesce(r.new_${name}, 'null')` : `r.new_${name}`}`
  );
  const types = Object.fromEntries(columns.map(([name, type]) => [`new_${name}`, type]));
  const state = [`state = '${to}'`, ...(to === "scheduled" ? ["seq = null"] : [])];
  const rows = yield* run(
    `update ${d.table("job")} as j set ${[...state, ...values].join(", ")} from ${seenRows(d, types)} ` +
      "where j.id = r.job_id and j.state = r.seen_state and j.attempt = r.seen_attempt returning id",
    [seenJson(seen, (amendment) => {
      const set = replacementOf(amendment);
      return Object.fromEntries(fields.map((field) => [`new_${COLUMNS[field][0]}`, set[field]]));
    })],
  );
  return rows.map((row) => text(row.id));
}

function* schedule(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  yield* run(
    `insert into ${d.table("scheduled")} (run_at, job_id) select j.run_at, j.id from ${
      d.values("$1", "v", "uuid")
    } join ${d.table("job")} j on j.id = v.value`,
    [JSON.stringify(ids)],
  );
}
