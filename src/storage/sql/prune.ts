import type { JobOptions } from "../../domain/job.ts";
import type { QueueSettings } from "../../domain/queue.ts";
import type { FinalState } from "../../domain/states.ts";
import { keptUntil } from "../../domain/unique.ts";
import type { PruneRequest, PruneResult } from "../driver.ts";
import { pruneBatches } from "./prune_batches.ts";
import { badCursor, type Place, readCursor, writeCursor } from "./cursor.ts";
import type { Dialect } from "./dialect.ts";
import { pruneEvents } from "./events.ts";
import { pruneGates } from "./gates.ts";
import { pruneGroups } from "./groups.ts";
import { removeHistory } from "./history.ts";
import { int, json, text } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";
import { newestJobs, rareSource } from "./sources.ts";
import { removeExpiredWatchers } from "./watchers.ts";
import { type Piece, type Source, walk } from "./walk.ts";

/** The walk goes over the rare endings by their indexes, then over all jobs by id for the completed ones, then over batches, then over events. */
const PARTS = ["dead", "cancelled", "expired", "completed"] as const satisfies readonly FinalState[];
const BATCHES = PARTS.length;
const EVENTS = BATCHES + 1;

/** {@linkcode Driver.prune}. */
export function* prune(d: Dialect, request: PruneRequest): Script<PruneResult> {
  const place: Place = readCursor(request.cursor);
  if (place.part === BATCHES) {
    const end = yield* pruneBatches(d, request, place.key);
    if (end !== null) return { deleted: 0, cursor: writeCursor({ part: BATCHES, key: end }) };
    return {
      deleted: 0,
      ...(request.events === undefined ? {} : { cursor: writeCursor({ part: EVENTS, key: null }) }),
    };
  }
  if (place.part === EVENTS && request.events !== undefined) {
    yield* removeExpiredWatchers(d, request.now);
    const more = yield* pruneEvents(d, request.events, request.limit);
    return { deleted: 0, ...(more ? { cursor: writeCursor(place) } : {}) };
  }
  const state = PARTS[place.part];
  if (state === undefined) throw badCursor(request.cursor);
  const piece = yield* look(d, state, request, place);
  const old = piece.rows.filter((row) => endOf(row, state, request) <= request.now);
  const deleted = yield* remove(d, state, old);
  if (piece.end !== null) return { deleted, cursor: writeCursor({ part: place.part, key: piece.end }) };
  const part = place.part + 1;
  if (part < PARTS.length) return { deleted, cursor: writeCursor({ part, key: null }) };
  yield* pruneGates(d, request.now, request.limit);
  yield* pruneGroups(d, request.limit);
  return { deleted, cursor: writeCursor({ part: BATCHES, key: null }) };
}

function* look(d: Dialect, state: FinalState, { now, limit }: PruneRequest, { key }: Place): Script<Piece> {
  const source: Source = state === "completed"
    ? { ...newestJobs(d), order: "asc" }
    : rareSource(d, state, "asc");
  const params = new Params();
  return yield* walk(d, source, {
    columns: `j.id as id, j.attempt as attempt, ${d.ms("j.finished_at")} as finished_ms, ` +
      `${d.text("j.options")} as options, ${d.text("q.settings")} as settings`,
    filters: [`j.state = '${state}'`, `j.finished_at <= ${d.instant(params.add(now))}`],
    params,
    after: key,
    limit,
    bound: limit,
  });
}

/** When the job may go: by its own retention, else its queue's, else the default. */
function endOf(row: Row, state: FinalState, { retention }: PruneRequest): number {
  const { retentionMs, unique } = json(row.options) as JobOptions;
  const settings = json(row.settings) as QueueSettings;
  const finishedAt = int(row.finished_ms);
  return keptUntil(
    { state, finishedAt, unique },
    retentionMs ?? settings.retentionMs?.[state] ?? retention[state],
  );
}

/** Deletes jobs that are still as they were when they were judged. */
function* remove(d: Dialect, state: FinalState, old: Row[]): Script<number> {
  if (old.length === 0) return 0;
  const seen = d.rows("$1", "r", { job_id: "uuid", seen_attempt: "integer" });
  const rows = yield* run(
    `delete from ${d.table("job")} where (id, attempt) in (select r.job_id, r.seen_attempt from ${seen}) ` +
      `and state = '${state}' returning id`,
    [JSON.stringify(old.map((row) => ({ job_id: text(row.id), seen_attempt: int(row.attempt) })))],
  );
  yield* removeHistory(d, rows.map((row) => text(row.id)));
  return rows.length;
}
