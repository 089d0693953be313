import type { Amendment } from "../../domain/amendment.ts";
import type { Transition } from "../../domain/transition.ts";
import type { SettleBatch, SettleResult } from "../driver.ts";
import { lockAfterEnd } from "../sql/locks.ts";
import { int, json, text, textOrNull } from "../sql/row.ts";
import { park, type Parked } from "../sql/waits.ts";
import type { Dialect } from "../sql/dialect.ts";
import type { Row } from "../sql/script.ts";
import { mayRegather, regather, regatherable } from "../sql/join_groups.ts";
import { followUpsOf } from "../follow_ups.ts";
import type { Connections, Query, RunQuery, Value } from "./connections.ts";
import { instant, postgresDialect } from "./dialect.ts";
import type { Inserter } from "./inserter.ts";
import { Kinds } from "./kinds.ts";
import type { Names } from "./names.ts";
import { type Place, place } from "./place.ts";
import { drive } from "./scripts.ts";

/**
 * Ends runs. `$1` and `$2`: transitions, see {@linkcode settleValues}; `$3`: leases to close. A rescue also
 * has `$4` and `$5`: the lease and the expiry it must still have. Gives one row about what was written.
 *
 * Places in `ready` are given in the order of the transitions; rows are written in the order of ids, so that batches
 * cannot deadlock. The condition on the array of ids says the same as the join, in a form that always uses the primary key.
 */
export function settleQuery(names: Names, rescue: boolean): Query {
  const { table, nextSeq } = names;
  const final = "i.state in ('completed', 'dead', 'cancelled', 'expired')";
  const rare = (state: string): string =>
    `${state}_at = case when i.state = '${state}' then i.at else j.${state}_at end`;
  return {
    name: rescue ? "jobd_settle_rescue" : "jobd_settle",
    text: `
with ${rescue ? guard(table) : ""} kind as materialized (
  select * from json_to_recordset($1::json) as k(kind integer, attempt integer, state text, outcome text, at float8,
    failures integer, releases smallint)
), ordered as (
  select i.n - 1 as pos, i.id, i.run_at, i.error, i.result, k.attempt, k.state, k.outcome, k.at, k.failures, k.releases
  from rows from (json_to_recordset($2::json) as (i uuid, k integer, t float8, e json, r json))
    with ordinality as i(id, kind, run_at, error, result, n)
  join kind k on k.kind = i.kind order by i.n
), given as materialized (
  select pos, id, attempt, state, outcome, ${instant("at")} as at, failures, releases, ${
      instant("run_at")
    } as run_at, error, result, case when state = 'available' then ${nextSeq} end as seq
  from ordered
), item as materialized (
  select * from given order by id, attempt
), ended as (
  update ${table("job")} j set state = i.state, failures = i.failures, releases = i.releases, lease_id = null,
    seq = i.seq, run_at = coalesce(i.run_at, j.run_at), result = coalesce(i.result, j.result),
    error = case when i.outcome = 'snoozed' then j.error else coalesce(i.error, j.error) end,
    finished_at = case when ${final} then i.at else j.finished_at end,
    unique_lock = case when ${final} then ${lockAfterEnd(postgresDialect(names), "j")} else j.unique_lock end,
    expire_at = case when ${final} then null else j.expire_at end,
    cancel_requested_at = case when ${final} then null else j.cancel_requested_at end,
    ${["dead", "cancelled", "expired"].map(rare).join(", ")}
  from item i
  where j.id = any(array(select id from item)) and j.id = i.id and j.attempt = i.attempt and j.state = 'running'
    and (j.cancel_requested_at is null or i.state = 'cancelled')
    ${rescue ? "and exists (select 1 from guard)" : ""}
  returning i.pos, j.id, j.queue_id, j.priority, j.type, j.state, j.seq, j.run_at, j.attempt, j.worker, j.started_at,
    i.at, i.outcome, i.error, j.awaited or j.batch_id is not null as awaited
), made_ready as (
  insert into ${table("ready")} (queue_id, rank, seq, job_id, type)
  select queue_id, -priority, seq, id, type from ended where state = 'available'
), made_scheduled as (
  insert into ${table("scheduled")} (run_at, job_id) select run_at, id from ended where state = 'scheduled'
), noted as (
  insert into ${table("execution")} (job_id, attempt, worker, started_at, finished_at, outcome, error)
  select id, attempt, worker, coalesce(started_at, at), at, outcome, error from ended
  where state in ('available', 'scheduled', 'blocked')
  on conflict do nothing
), closed as (
  delete from ${
      table("lease")
    } where id = any(array(select value::bigint from json_array_elements_text($3::json)))
    and (select count(*) from ended) = (select count(*) from given)
    ${rescue ? "and exists (select 1 from guard)" : ""}
)
select array_to_string(array_agg(pos), ' ') as written, coalesce(bool_or(state = 'scheduled'), false) as scheduled,
  coalesce(bool_or(awaited), false) as awaited,
  json_agg(json_build_array(queue_id, priority, seq)) filter (where state = 'available') as places
  ${rescue ? ", exists (select 1 from guard) as guarded" : ""}
from ended`,
  };
}

function guard(table: Names["table"]): string {
  return `guard as materialized (
  select id from ${table("lease")} where id = $4::bigint and expires_at = ${instant("$5")} for update
),`;
}

/**
 * The parameters of {@linkcode settleQuery}. What many ends share is said once, and what is null is left out, because
 * PostgreSQL takes longer to read this list than to do what it says.
 */
export function settleValues({ transitions, close, rescue }: SettleBatch): Value[] {
  const kinds = new Kinds();
  const rows = transitions.map((transition) => {
    const { attempt, to: state, outcome, at, failures, releases } = transition;
    return {
      i: transition.id,
      k: kinds.of({ attempt, state, outcome, at, failures, releases }),
      t: state === "scheduled" ? transition.runAt : undefined,
      e: transition.error ?? undefined,
      r: state === "completed" ? transition.result ?? undefined : undefined,
    };
  });
  const values = [kinds.text, JSON.stringify(rows), JSON.stringify(close)];
  return rescue === undefined ? values : [...values, rescue.leaseId, rescue.expiresAt];
}

/** Why some transitions were not written: the jobs as they are. `$1`: ids. */
export function standingQuery({ table }: Names): Query {
  return {
    name: "jobd_standing",
    text: `
select id, attempt from ${table("job")}
where id = any(array(select value::uuid from json_array_elements_text($1::json))) and state = 'running'
  and cancel_requested_at is not null`,
  };
}

/** The results of transitions, of which some were written, from the rows of {@linkcode standingQuery}. */
export function classify(transitions: Transition[], written: Set<number>, standing: Row[]): SettleResult[] {
  const cancelled = new Set(standing.map((row) => `${text(row.id)} ${int(row.attempt)}`));
  return transitions.map(({ id, attempt, to }, pos) => {
    if (written.has(pos)) return "applied";
    return to !== "cancelled" && cancelled.has(`${id} ${attempt}`) ? "cancel_requested" : "stale";
  });
}

/** Results of a settle and what they mean for others. */
export interface Settled {
  /** One for each transition. */
  results: SettleResult[];
  /** Where jobs wait that are available again. */
  places: Place[];
  /** Whether some wait for a time. */
  scheduled: boolean;
  /** Whether others may wait for jobs that have ended, or count them. */
  awaited: boolean;
  /** Changes to jobs that were in the way of follow-ups. */
  amendments: Amendment[];
  /** What became of those whose handlers wait. */
  parked: Parked;
}

/** Ends runs. */
export class Settler {
  readonly #connections: Connections;
  readonly #inserter: Inserter;
  readonly #settle: Query;
  readonly #rescue: Query;
  readonly #standing: Query;
  readonly #dialect: Dialect;

  constructor(connections: Connections, names: Names, inserter: Inserter) {
    this.#connections = connections;
    this.#inserter = inserter;
    this.#settle = settleQuery(names, false);
    this.#rescue = settleQuery(names, true);
    this.#standing = standingQuery(names);
    this.#dialect = postgresDialect(names);
  }

  /** {@linkcode Driver.settle} */
  async settle(batch: SettleBatch): Promise<Settled> {
    const followUps = batch.transitions.flatMap(({ followUps }) => followUps ?? []);
    const parks = batch.transitions.some(({ to }) => to === "blocked");
    if (followUps.length === 0 && !parks && !mayRegather(batch.transitions)) {
      return await this.#write((query, values) => this.#connections.query(query, values), batch);
    }
    const prepared = await this.#inserter.prepare(followUps);
    return await this.#connections.transaction(async (run) => {
      await this.#inserter.lockBatches(run, prepared);
      const settled = await this.#write(run, batch);
      const parked = await this.#park(run, batch.transitions, settled.results);
      const { results } = settled;
      const again = regatherable(batch.transitions, (at) => results[at] === "applied");
      const regathered = await drive(run, regather(this.#dialect, again));
      const wanted = new Set(followUpsOf(batch.transitions, settled.results));
      const { places, scheduled, amendments } = await this.#inserter.insertWithin(
        run,
        prepared.filter(({ job }) => wanted.has(job)),
      );
      return {
        ...settled,
        places: [...settled.places, ...places],
        scheduled: settled.scheduled || scheduled || regathered,
        amendments,
        parked,
      };
    });
  }

  /** A statement of its own: only one that begins when the jobs are locked sees every answer that came before. */
  async #park(run: RunQuery, transitions: Transition[], results: SettleResult[]): Promise<Parked> {
    const parkings = transitions.flatMap((transition, at) =>
      transition.to === "blocked" && results[at] === "applied" ? [transition] : []
    );
    return await drive(run, park(this.#dialect, parkings));
  }

  /** One statement, and a second one only to say why something was not written. */
  async #write(run: RunQuery, batch: SettleBatch): Promise<Settled> {
    const query = batch.rescue === undefined ? this.#settle : this.#rescue;
    const [row] = await run(query, settleValues(batch));
    const written = new Set(textOrNull(row?.written)?.split(" ").map(Number));
    return {
      results: await this.#results(run, batch, row?.guarded === false ? null : written),
      places: (json(row?.places) as [number, number, number][] ?? []).map(place),
      scheduled: row?.scheduled === true,
      awaited: row?.awaited === true,
      amendments: [],
      parked: { released: false, timed: false },
    };
  }

  async #results(
    run: RunQuery,
    { transitions }: SettleBatch,
    written: Set<number> | null,
  ): Promise<SettleResult[]> {
    if (written === null) return transitions.map(() => "stale");
    const rest = transitions.filter((_, pos) => !written.has(pos)).map(({ id }) => id);
    const standing = rest.length === 0 ? [] : await run(this.#standing, [JSON.stringify(rest)]);
    return classify(transitions, written, standing);
  }
}
