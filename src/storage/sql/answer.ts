import type { Amendment } from "../../domain/amendment.ts";
import type { Dialect } from "./dialect.ts";
import { goOn } from "./go_on.ts";
import { text } from "./row.ts";
import { run, type Script } from "./script.ts";
import { seenJson, seenRows } from "./seen.ts";
import { WAIT } from "./waits.ts";

/**
 * Keeps answers of waits that have none, if their jobs still are as they were seen; gives the ids. A job that is parked
 * there goes on. Rows are taken in the order parked, job, wait, as by whoever ends waits. A run that is about to park holds
 * its job's row meanwhile: it sees the answer then, or is seen parked.
 */
export function* answer(d: Dialect, group: Amendment[]): Script<string[]> {
  const owned = yield* ownWaiting(d, group);
  const known = yield* lockSeen(d, group);
  const applied = yield* keep(d, known);
  const parked = known.filter(({ id }) => owned.has(id));
  for (const { id, at } of parked) yield* goOn(d, [id], at);
  return applied;
}

const MORE = { wait: "text", answer: "json", answer_key: "text" } as const;

function answerJson(amendments: Amendment[]): string {
  return seenJson(amendments, ({ change }) => {
    if (change.kind !== "answer") return {};
    const { name, value, key = null } = change.answer;
    return { wait: name, answer: value, answer_key: key };
  });
}

/** Takes the places of jobs that are parked at an open wait that is answered. */
function* ownWaiting(d: Dialect, group: Amendment[]): Script<Set<string>> {
  const parked = group.filter(({ from }) => from === "blocked");
  if (parked.length === 0) return new Set();
  const rows = yield* run(
    `delete from ${d.table("parked")} where scope = '${WAIT}' and job_id in (select j.id from ${
      seenRows(d, MORE)
    } ` +
      `join ${
        d.table("job")
      } j on j.id = r.job_id and j.attempt = r.seen_attempt and j.state = r.seen_state ` +
      "and j.waiting_for = r.wait " +
      `join ${
        d.table("job_wait")
      } w on w.job_id = r.job_id and w.name = r.wait where ${isOpen}) returning job_id`,
    [answerJson(parked)],
  );
  return new Set(rows.map((row) => text(row.job_id)));
}

const isOpen =
  "w.answered_at is null and w.timed_out_at is null and (w.until_at is null or w.until_at > r.amended_at)";

function* lockSeen(d: Dialect, group: Amendment[]): Script<Amendment[]> {
  const rows = yield* run(
    `select j.id as id from ${d.table("job")} j join ${seenRows(d)} ` +
      "on j.id = r.job_id and j.attempt = r.seen_attempt and j.state = r.seen_state " +
      `order by j.id ${d.lock("j")}`,
    [seenJson(group)],
  );
  const seen = new Set(rows.map((row) => text(row.id)));
  return group.filter(({ id }) => seen.has(id));
}

/** A wait that is not there yet is made: its handler has not asked so far. */
function* keep(d: Dialect, known: Amendment[]): Script<string[]> {
  if (known.length === 0) return [];
  const rows = yield* run(
    `insert into ${
      d.table("job_wait")
    } as w (job_id, name, kind, opened_at, answered_at, answer_key, value) ` +
      "select r.job_id, r.wait, 'answer', r.amended_at, r.amended_at, r.answer_key, coalesce(r.answer, 'null') " +
      `from ${seenRows(d, MORE)} where true on conflict (job_id, name) do update set ` +
      "answered_at = excluded.answered_at, answer_key = excluded.answer_key, value = excluded.value, due_at = null " +
      `where ${isOpen.replaceAll("r.amended_at", "excluded.opened_at")} returning job_id`,
    [answerJson(known)],
  );
  return rows.map((row) => text(row.job_id));
}
