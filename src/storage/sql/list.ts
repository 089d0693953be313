import type { Job } from "../../domain/job.ts";
import type { JobState } from "../../domain/states.ts";
import { invalid } from "../../domain/errors.ts";
import type { JobQuery, Page } from "../driver.ts";
import { badCursor, readCursor, writeCursor } from "./cursor.ts";
import { among, type Dialect } from "./dialect.ts";
import { int, jobColumns, toJob } from "./row.ts";
import { Params, run, type Script } from "./script.ts";
import { memberSource, newestJobs, stateSource } from "./sources.ts";
import { checkKey, type Key, type Piece, type Source, walk } from "./walk.ts";

/** Rows that one page looks at in each state. */
const PAGE_BOUND = 5_000;
/** The same for a text search, which must read the payloads. */
const SEARCH_BOUND = 1_000;
/** Ranges of `ready` that one page of available jobs looks into. */
const RANGE_BOUND = 10;
/** The longest text that can be searched for, in characters. */
const SEARCH_MAX = 1_000;

/** {@linkcode Driver.list}. */
export function* list(d: Dialect, query: JobQuery): Script<Page<Job>> {
  if (query.search !== undefined && query.search.length > SEARCH_MAX) {
    throw invalid("search text", query.search, `at most ${SEARCH_MAX} characters long`);
  }
  const apart = query.states !== undefined && query.states.length > 0 && query.batch === undefined;
  const states: (JobState | null)[] = apart ? query.states ?? [] : [null];
  const start = readCursor(query.cursor);
  if (start.part >= states.length) throw badCursor(query.cursor);
  const bound = query.search === undefined ? PAGE_BOUND : SEARCH_BOUND;
  const items: Job[] = [];
  for (const [part, state] of states.entries()) {
    if (part < start.part) continue;
    if (items.length >= query.limit) return { items, nextCursor: writeCursor({ part, key: null }) };
    const after = part === start.part ? start.key : null;
    const request = { query, state, after, limit: query.limit - items.length, bound };
    const piece: Piece = state === "available" ? yield* available(d, request) : yield* stretch(d, request);
    items.push(...piece.rows.map(toJob));
    if (piece.end !== null) return { items, nextCursor: writeCursor({ part, key: piece.end }) };
  }
  return { items };
}

interface Stretch {
  query: JobQuery;
  state: JobState | null;
  after: Key | null;
  until?: Key;
  limit: number;
  bound: number;
}

/** One piece of one state. */
function* stretch(d: Dialect, request: Stretch): Script<Piece> {
  const source = sourceOf(d, request);
  if (request.after !== null) checkKey(source, request.after);
  const params = new Params();
  const filters = conditions(d, request, params);
  const { after, until, limit, bound } = request;
  return yield* walk(d, source, { columns: jobColumns(d), after, until, filters, params, limit, bound });
}

function sourceOf(d: Dialect, { query: { batch }, state }: Stretch): Source {
  if (batch !== undefined) return memberSource(d, batch);
  return state === null ? newestJobs(d) : stateSource(d, state);
}

/**
 * Available jobs lie behind each other by queue. The walk goes only through ranges of queues that are asked for, so
 * that a million jobs of another tenant or queue are not in the way.
 */
function* available(d: Dialect, request: Stretch): Script<Piece> {
  const passed = Number(request.after?.[0] ?? 0);
  // A cursor of another query fails in the walk, for which any range will do.
  const ranges = (yield* queueRanges(d, request.query)).filter(([, to]) => !(to < passed));
  const rows: Piece["rows"] = [];
  for (const [index, [from, to]] of ranges.entries()) {
    const start: Key = [from, LOWEST_RANK, 0];
    const until: Key = [to, -LOWEST_RANK - 1, Number.MAX_SAFE_INTEGER];
    const after = request.after === null || passed < from ? start : request.after;
    if (index >= RANGE_BOUND) return { rows, end: start };
    const limit = request.limit - rows.length;
    const piece = yield* stretch(d, { ...request, after, until, limit });
    rows.push(...piece.rows);
    if (piece.end !== null) return { rows, end: piece.end };
  }
  return { rows, end: null };
}

/** Below every rank. */
const LOWEST_RANK = -32_768;

/** Ranges of queue ids that hold only wanted queues, as `[first, last]`. */
function* queueRanges(d: Dialect, query: JobQuery): Script<[number, number][]> {
  const params = new Params();
  let wanted = `namespace = ${params.add(query.namespace)}`;
  if (query.queues !== undefined) {
    wanted += ` and name ${among(d, params.json(query.queues), "text")}`;
  }
  const rows = yield* run(
    `select id, case when ${wanted} then 1 else 0 end as wanted from ${d.table("queue")} order by id`,
    params.values,
  );
  const ranges: [number, number][] = [];
  let open = false;
  for (const row of rows) {
    const last = ranges.at(-1);
    if (int(row.wanted) === 0) open = false;
    else if (open && last !== undefined) last[1] = int(row.id);
    else {
      ranges.push([int(row.id), int(row.id)]);
      open = true;
    }
  }
  return ranges;
}

/** The filters of a query as conditions on `j` and `q`. */
function conditions(d: Dialect, { query, state }: Stretch, params: Params): string[] {
  const all = [`q.namespace = ${params.add(query.namespace)}`];
  const oneOf = (values: string[]): string => among(d, params.json(values), "text");
  // The walk of completed jobs passes all jobs; for the others this only repeats what their table or index says, but
  // for a moment a dispatch row and its job may be seen apart.
  if (state !== null) all.push(`j.state = '${state}'`);
  if (query.batch !== undefined && query.states !== undefined) all.push(`j.state ${oneOf(query.states)}`);
  if (query.queues !== undefined) all.push(`q.name ${oneOf(query.queues)}`);
  if (query.types !== undefined) all.push(`j.type ${oneOf(query.types)}`);
  const tagged = (tag: string): string => d.jsonListHas("j.options", "tags", params.add(tag));
  for (const tag of query.tags ?? []) all.push(tagged(tag));
  if (query.anyTags !== undefined) all.push(`(${["1 = 0", ...query.anyTags.map(tagged)].join(" or ")})`);
  if (query.origin !== undefined) {
    all.push(`${d.jsonText("j.options", "origin")} = ${params.add(query.origin)}`);
  }
  if (query.createdBefore !== undefined) {
    all.push(`j.created_at < ${d.instant(params.add(query.createdBefore))}`);
  }
  if (query.search !== undefined) {
    const pattern = params.add(likePattern(query.search));
    const like = (expression: string): string => `lower(${expression}) like ${pattern} escape '!'`;
    // Whoever can search could find out a value that is not shown, letter by letter.
    const open = `not ${d.jsonHas("j.options", "redact")}`;
    all.push(
      `((${open} and ${like(d.text("j.payload"))}) or ${like(d.text(d.jsonText("j.error", "message")))})`,
    );
  }
  return all;
}

/** A LIKE pattern for a text anywhere, ASCII letters in lower case. */
function likePattern(search: string): string {
  const lower = search.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `%${lower.replace(/[!%_]/g, "!$&")}%`;
}
