import type { JobdEvent, NewEvent } from "../../domain/event.ts";
import type { EventSpan } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { int, intOrNull, json, text } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";

/** Events are small, so a step of pruning may take this many times as many of them as of jobs. */
const PER_JOB = 10;

/**
 * {@linkcode EventStore.publish}. Writers take turns until they have committed: an id that becomes visible after a higher one
 * would be passed over by those who ask for what comes after that.
 */
export function* publish(d: Dialect, events: NewEvent[]): Script<void> {
  if (events.length === 0) return;
  const rows = d.rows("$1", "r", {
    pos: "integer",
    kind: "text",
    at: "instant",
    namespace: "text",
    queue: "text",
    facts: "json",
  });
  yield* run(
    `insert into ${d.table("event")} (kind, at, namespace, queue, facts) ` +
      `select r.kind, r.at, r.namespace, r.queue, r.facts from ${rows} ${d.turns("events")} order by r.pos`,
    [JSON.stringify(
      events.map((event, pos) => {
        const { kind, at, namespace, ...rest } = event;
        // Events of schedules are of no queue, which is stored as the empty name.
        const { queue = "", ...facts } = { queue: undefined, ...rest };
        return { pos, kind, at, namespace, queue, facts };
      }),
    )],
  );
}

/** {@linkcode EventStore.eventSpan}. */
export function* eventSpan(d: Dialect): Script<EventSpan> {
  const [row] = yield* run(
    `select (select min(id) from ${d.table("event")}) as first, (select max(id) from ${
      d.table("event")
    }) as last`,
  );
  return { first: intOrNull(row?.first) ?? 0, last: intOrNull(row?.last) ?? 0 };
}

/** {@linkcode EventStore.eventsAfter}. */
export function* eventsAfter(d: Dialect, id: number, limit: number): Script<JobdEvent[]> {
  const rows = yield* run(
    `select id, kind, ${d.ms("at")} as at_ms, namespace, queue, ${d.text("facts")} as facts ` +
      `from ${d.table("event")} where id > $1 order by id limit $2`,
    [id, limit],
  );
  return rows.map(toEvent);
}

/** Removes a bounded number of events from the oldest on, never the latest; gives whether there may be more to remove. */
export function* pruneEvents(
  d: Dialect,
  { before, keep }: { before: number; keep: number },
  limit: number,
): Script<boolean> {
  const { first, last } = yield* eventSpan(d);
  if (first === last) return false;
  const rows = yield* run(
    `select id, ${d.ms("at")} as at_ms from ${d.table("event")} order by id limit $1`,
    [limit * PER_JOB],
  );
  const kept = rows.findIndex((row) =>
    int(row.id) === last || (int(row.at_ms) >= before && int(row.id) > last - keep)
  );
  const gone = rows.at(kept === -1 ? -1 : kept - 1);
  if (gone === undefined || kept === 0) return false;
  yield* run(`delete from ${d.table("event")} where id <= $1`, [int(gone.id)]);
  return kept === -1;
}

/** What was stored is what {@linkcode publish} was given, so it is an event again. */
function toEvent(row: Row): JobdEvent {
  const queue = text(row.queue);
  return {
    id: int(row.id),
    kind: text(row.kind),
    at: int(row.at_ms),
    namespace: text(row.namespace),
    ...(queue === "" ? {} : { queue }),
    ...json(row.facts) as object,
  } as JobdEvent;
}
