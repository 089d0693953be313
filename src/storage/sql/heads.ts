import { gainedByAge, mayAge, mergeLanes } from "../../domain/ageing.ts";
import { type Limited, readScope } from "../../domain/limit.ts";
import type { ClaimRequest } from "../driver.ts";
import type { Parking } from "./acquire.ts";
import { among, type Dialect } from "./dialect.ts";
import { int, intOrNull, text } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";

/** Ranks are within two bytes. */
const BEFORE_ALL = -32_768;

/** A job at the head of those who wait at a gate. */
export interface Candidate {
  scope: string;
  turn: number;
  job: Parking & Limited;
}

/** The first of those who wait at each gate, of each at most as many as are wanted. */
export function* heads(d: Dialect, scopes: string[], request: ClaimRequest): Script<Candidate[]> {
  // The walk along the primary key ends at the limit, however many wait.
  yield* d.preferOrder();
  const found: Candidate[] = [];
  for (const scope of scopes) {
    const ages = mayAge(readScope(scope), request.ageing);
    found.push(...yield* ages ? agedHeads(d, scope, request) : firstAt(d, scope, request));
  }
  return found;
}

/** Those of each priority by themselves, then merged by how long they have waited: there are few priorities. */
function* agedHeads(d: Dialect, scope: string, request: ClaimRequest): Script<Candidate[]> {
  const { ageing, now, limit } = request;
  const lanes: Candidate[][] = [];
  for (
    let rank = yield* nextRank(d, scope, BEFORE_ALL);
    rank !== null;
    rank = yield* nextRank(d, scope, rank)
  ) {
    lanes.push(yield* firstAt(d, scope, request, rank));
  }
  const since = yield* runTimes(d, lanes.flat());
  const standing = ({ job, turn }: Candidate) => {
    const gained = gainedByAge({ runAt: since.get(job.id) ?? now }, ageing?.get(job.queue), now);
    return { rank: -job.priority - gained, seq: turn };
  };
  return mergeLanes(lanes, standing, limit);
}

/** The next rank at which somebody waits. */
function* nextRank(d: Dialect, scope: string, after: number): Script<number | null> {
  const [row] = yield* run(
    `select rank from ${d.table("parked")} where scope = $1 and rank > $2 order by scope, rank limit 1`,
    [scope, after],
  );
  return intOrNull(row?.rank ?? null);
}

function* runTimes(d: Dialect, candidates: Candidate[]): Script<Map<string, number>> {
  const rows = yield* run(
    `select id, ${d.ms("run_at")} as run_at from ${d.table("job")} where id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(candidates.map(({ job }) => job.id))],
  );
  return new Map(rows.map((row) => [text(row.id), int(row.run_at)]));
}

/** Those who have waited longest at a gate, of one rank or of the highest priorities. */
function* firstAt(
  d: Dialect,
  scope: string,
  { namespace, queues, types, limit }: ClaimRequest,
  rank?: number,
): Script<Candidate[]> {
  const params = new Params();
  const conditions = [`p.scope = ${params.add(scope)}`];
  if (rank !== undefined) conditions.push(`p.rank = ${params.add(rank)}`);
  if (types !== "all") {
    const wanted = d.values(params.json(types), "v", "text");
    conditions.push(`(select count(*) from ${wanted} where v.value = p.type) > 0`);
  }
  const named = queues === "all" ? "" : ` and q.name ${among(d, params.json(queues), "text")}`;
  conditions.push(
    `(select count(*) from ${
      d.table("queue")
    } q where q.id = p.queue_id and q.paused_at is null${named}) > 0`,
  );
  const rows = yield* run(
    `select p.rank, p.turn, p.job_id, p.type, p.key, p.weight, ` +
      `(select q.name from ${d.table("queue")} q where q.id = p.queue_id) as queue from ${
        d.table("parked")
      } p ` +
      `where ${conditions.join(" and ")} order by p.rank, p.turn, p.job_id limit ${limit}`,
    params.values,
  );
  return rows.map((row) => ({ scope, turn: int(row.turn), job: toParking(row, namespace) }));
}

function toParking(row: Row, namespace: string): Candidate["job"] {
  const key = text(row.key);
  return {
    id: text(row.job_id),
    namespace,
    queue: text(row.queue),
    type: text(row.type),
    priority: -int(row.rank),
    options: { ...(key === "" ? {} : { limitKey: key }), limitWeight: int(row.weight) },
  };
}
