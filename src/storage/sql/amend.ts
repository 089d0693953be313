import type { Amendment } from "../../domain/amendment.ts";
import { type FinalState, isFinal, isWaiting } from "../../domain/states.ts";
import type { AmendResult } from "../driver.ts";
import { answer } from "./answer.ts";
import type { Dialect } from "./dialect.ts";
import { dispatch } from "./dispatch.ts";
import { removeHistory } from "./history.ts";
import { lockAfterEnd } from "./locks.ts";
import { replace } from "./replace.ts";
import { comesElsewhere, reviveEdited, reviveFinal } from "./revive.ts";
import { rekey } from "./rekey.ts";
import { own, seenJson, seenRows, update } from "./seen.ts";
import { text } from "./row.ts";
import { run, type Script } from "./script.ts";

/**
 * {@linkcode Driver.amend}. Amendments that follow each other with the same kind of change are written together; the
 * result is as if each had been written alone, in order.
 *
 * On PostgreSQL a unique key taken at the same moment by somebody else fails the transaction with a unique violation:
 * run the script again, it then sees the other job.
 */
export function* amend(d: Dialect, amendments: Amendment[]): Script<AmendResult[]> {
  const results: AmendResult[] = amendments.map(() => "stale");
  for (const group of groups(amendments)) {
    const outcomes = yield* amendGroup(d, group.map(({ amendment }) => amendment));
    for (const { amendment, index } of group) results[index] = outcomes.get(amendment.id) ?? "stale";
  }
  return results;
}

interface Member {
  amendment: Amendment;
  index: number;
}

/** Runs of amendments with the same kind of change to different jobs. */
function groups(amendments: Amendment[]): Member[][] {
  const all: Member[][] = [];
  let ids = new Set<string>();
  for (const [index, amendment] of amendments.entries()) {
    const current = all.at(-1);
    const same = current?.[0] !== undefined && together(current[0].amendment, amendment);
    if (current !== undefined && same && !ids.has(amendment.id)) current.push({ amendment, index });
    else {
      all.push([{ amendment, index }]);
      ids = new Set();
    }
    ids.add(amendment.id);
  }
  return all;
}

/**
 * Waiting and final jobs become available in different ways, and those that come to life elsewhere do so after those that
 * stay; apart, they still arrive in the order given.
 */
function together(a: Amendment, b: Amendment): boolean {
  if (a.change.kind !== b.change.kind) return false;
  if (a.change.kind === "makeAvailable") return isFinal(a.from) === isFinal(b.from);
  return a.change.kind !== "reviveWith" || comesElsewhere(a) === comesElsewhere(b);
}

type Outcomes = Map<string, AmendResult>;

function* amendGroup(d: Dialect, group: Amendment[]): Script<Outcomes> {
  const waiting = group.filter(({ from }) => isWaiting(from));
  const final = group.filter(({ from }) => isFinal(from));
  switch (group[0]?.change.kind) {
    case "cancel":
      return applied(yield* end(d, yield* own(d, waiting), "cancelled"));
    case "expire":
      return applied(yield* end(d, yield* own(d, waiting), "expired"));
    case "archive":
      return applied(yield* end(d, yield* own(d, waiting), "dead"));
    case "answer":
      return applied(yield* answer(d, group.filter(({ from }) => !isFinal(from))));
    case "complete":
      return applied(yield* end(d, yield* own(d, handlerWaits(waiting)), "completed"));
    case "fail":
      return applied(yield* end(d, yield* own(d, handlerWaits(waiting)), "dead"));
    case "requestCancel":
      return applied(yield* requestCancel(d, group.filter(({ from }) => from === "running")));
    case "delete":
      return applied(yield* remove(d, [...yield* own(d, waiting), ...final]));
    case "makeAvailable": {
      const later = waiting.filter(({ from }) => from !== "available");
      const moved = applied(yield* makeAvailable(d, yield* own(d, later)));
      return new Map([...moved, ...yield* reviveFinal(d, final)]);
    }
    case "reviveWith":
      return yield* reviveEdited(d, final);
    case "replace":
      return applied(yield* replace(d, waiting));
    case "rekey":
      return applied(yield* rekey(d, group));
    case "releaseKey":
      return applied(yield* update(d, group, "unique_lock = null"));
    case undefined:
      return new Map();
  }
}

function applied(ids: string[]): Outcomes {
  return new Map(ids.map((id) => [id, "applied"]));
}

/** Only jobs whose handlers wait end with a result or an error from outside. */
function handlerWaits(waiting: Amendment[]): Amendment[] {
  return waiting.filter(({ waitingFor }) => waitingFor !== undefined);
}

function* end(d: Dialect, owned: Amendment[], state: FinalState): Script<string[]> {
  const own = state === "completed"
    ? "result = r.amend_result"
    : `${state}_at = r.amended_at, error = r.amend_error`;
  return yield* update(
    d,
    owned,
    `state = '${state}', ${own}, finished_at = r.amended_at, ` +
      `unique_lock = ${lockAfterEnd(d, "j")}, expire_at = null, cancel_requested_at = null, seq = null, ` +
      "lease_id = null",
  );
}

function* requestCancel(d: Dialect, running: Amendment[]): Script<string[]> {
  return yield* update(d, running, "cancel_requested_at = coalesce(j.cancel_requested_at, r.amended_at)");
}

function* remove(d: Dialect, seen: Amendment[]): Script<string[]> {
  if (seen.length === 0) return [];
  const rows = yield* run(
    `delete from ${d.table("job")} where (id, state, attempt) in (` +
      `select r.job_id, r.seen_state, r.seen_attempt from ${seenRows(d)}) returning id`,
    [seenJson(seen)],
  );
  const ids = rows.map((row) => text(row.id));
  yield* removeHistory(d, ids);
  return ids;
}

function* makeAvailable(d: Dialect, owned: Amendment[]): Script<string[]> {
  if (owned.length === 0) return [];
  yield* update(d, owned, "state = 'available', run_at = r.amended_at");
  const ids = owned.map(({ id }) => id);
  yield* dispatch(d, ids);
  return ids;
}
