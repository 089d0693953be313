import type { FailureRecord, Job, JobOptions } from "../../domain/job.ts";
import type { ClaimRequest, ClaimResult } from "../driver.ts";
import { int, json, text } from "../sql/row.ts";
import type { SqlValue } from "../sql/script.ts";
import type { Connection } from "./connection.ts";
import { TAKE_LEASE } from "./dialect.ts";
import { Floors } from "./floors.ts";
import { type Lane, lanesOfNamespace, lanesOfQueue } from "./lanes.ts";
import { type Pick, type Tier, Walk } from "./walk.ts";

/** With more lanes than this, a claim over all queues may use the lanes that an earlier one has found. */
const FEW_LANES = 200;
/** How long they may be used, in milliseconds of the store's time for each lane; finding one takes some microseconds. */
const LANE_MS = 0.05;

const START =
  "update job set state = 'running', attempt = attempt + 1, started_at = $2, worker = $3, lease_id = $4, " +
  "seq = null from (select value from json_each($1)) picked where id = picked.value and state = 'available' " +
  "returning id, type, priority, attempt, failures, releases, max_attempts, created_at, run_at, expire_at, " +
  "cancel_requested_at, payload, options, progress, result, error, queue_id";

/** Lanes of a namespace as a claim found them. */
interface Found {
  lanes: Lane[];
  at: number;
  /** The state of the store at that time, see {@linkcode Claimer.claim}. */
  version: string;
}

/** Claims jobs; remembers what makes the next claim faster. */
export class Claimer {
  readonly #floors = new Floors();
  readonly #found = new Map<string, Found>();
  /** The walk that the last claim over all queues ended with, and for whom it goes on. */
  #walk: { walk: Walk; of: string; version: string } | undefined;
  /** Names of queues never change. */
  readonly #names = new Map<number, string>();

  /**
   * {@linkcode Driver.claim}, inside a transaction.
   *
   * @param version changes whenever anything may have become available, or a queue paused, since the last call
   */
  claim(c: Connection, request: ClaimRequest, version: string): ClaimResult {
    const { queues } = request;
    const { walk, picks } = queues === "all"
      ? this.#throughAll(c, request, version)
      : picked(this.#newWalk(c, request, inOrder(c, request, queues)), request);
    walk.finish();
    if (walk !== this.#walk?.walk) this.#walk = undefined;
    return start(c, request, picks, (queueId) => this.#nameOf(c, queueId));
  }

  /** Forgets what was noted; after a transaction that did not come to its end. */
  drop(): void {
    this.#floors.drop();
    this.#found.clear();
    this.#walk = undefined;
  }

  #nameOf(c: Connection, queueId: number): string {
    let name = this.#names.get(queueId);
    if (name === undefined) {
      name = text(c.get("select name from queue where id = $1", queueId)?.name);
      this.#names.set(queueId, name);
    }
    return name;
  }

  #newWalk(c: Connection, { types, limit, now }: ClaimRequest, tiers: Tier[]): Walk {
    return new Walk(c, tiers, { types, limit, floors: this.#floors.of(types, now) });
  }

  #throughAll(c: Connection, request: ClaimRequest, version: string): Picked {
    const { namespace, types, limit, ageing, now } = request;
    const of = JSON.stringify([namespace, types, ageing === undefined ? [] : [...ageing]]);
    const last = this.#walk;
    if (last?.of === of && last.version === version) return picked(last.walk, request);
    let found = this.#found.get(namespace);
    if (found !== undefined && found.version !== version && isFresh(found, now)) {
      const open = found.lanes.filter(openQueues(c));
      const stale = picked(this.#newWalk(c, request, this.#byRank(c, request, open)), request);
      if (stale.picks.length >= limit) return stale;
    }
    if (found?.version !== version) {
      found = { lanes: lanesOfNamespace(c, namespace), at: now, version };
      this.#found.set(namespace, found);
    }
    const walk = this.#newWalk(c, request, this.#byRank(c, request, found.lanes));
    this.#walk = { walk, of, version };
    return picked(walk, request);
  }

  /** Highest priority of any queue first; what ages comes between. */
  #byRank(c: Connection, { ageing }: ClaimRequest, lanes: Lane[]): Tier[] {
    const stepOf = (lane: Lane) => ageing?.get(this.#nameOf(c, lane.queueId));
    const old = ageing === undefined ? [] : lanes.flatMap((lane) => {
      const stepMs = stepOf(lane);
      return stepMs === undefined ? [] : [{ lane, stepMs }];
    });
    const ages = new Set(old.map(({ lane }) => lane));
    const groups = Map.groupBy(lanes.filter((lane) => !ages.has(lane)), ({ rank }) => rank);
    return [{ groups: [...groups].sort(([a], [b]) => a - b).map(([, group]) => group), ageing: old }];
  }
}

/** A walk and what it found. */
interface Picked {
  walk: Walk;
  picks: Pick[];
}

function picked(walk: Walk, { limit, now }: ClaimRequest): Picked {
  return { walk, picks: walk.pick(limit, now) };
}

function isFresh({ lanes, at }: Found, now: number): boolean {
  return lanes.length > FEW_LANES && now >= at && now - at < lanes.length * LANE_MS;
}

/** A filter for lanes whose queue is not paused at present. */
function openQueues(c: Connection): (lane: Lane) => boolean {
  const paused = new Set(c.all("select id from queue where paused_at is not null").map((row) => int(row.id)));
  return ({ queueId }) => !paused.has(queueId);
}

/** Queues in the order of the request, inside a queue higher priority first. */
function inOrder(c: Connection, { namespace, ageing }: ClaimRequest, queues: string[]): Tier[] {
  const open = "select id from queue where namespace = $1 and name = $2 and paused_at is null";
  return [...new Set(queues)].flatMap((name): Tier[] => {
    const queue = c.get(open, namespace, name);
    if (queue === undefined) return [];
    const lanes = lanesOfQueue(c, int(queue.id));
    const stepMs = ageing?.get(name);
    return stepMs === undefined
      ? [{ groups: lanes.map((lane) => [lane]), ageing: [] }]
      : [{ groups: [], ageing: lanes.map((lane) => ({ lane, stepMs })) }];
  });
}

/** Marks the jobs as running and opens their lease. */
function start(
  c: Connection,
  request: ClaimRequest,
  picks: Pick[],
  nameOf: (queueId: number) => string,
): ClaimResult {
  if (picks.length === 0) return { leaseId: null, jobs: [] };
  const { worker, now, expiresAt } = request;
  const leaseId = int(c.get(TAKE_LEASE)?.value);
  const ids = JSON.stringify(picks.map(({ jobId }) => jobId));
  const rows = new Map(c.lists(START, ids, now, worker, leaseId).map((row) => [row[0], row]));
  if (rows.size === 0) return { leaseId: null, jobs: [] };
  c.run(
    "insert into lease (id, worker, expires_at, jobs) values ($1, $2, $3, $4)",
    leaseId,
    worker,
    expiresAt,
    ids,
  );
  const jobs = picks.flatMap(({ jobId }): Job[] => {
    const row = rows.get(jobId);
    return row === undefined ? [] : [toStarted(row, { request, leaseId, queue: nameOf(row[16] as number) })];
  });
  return { leaseId: text(leaseId), jobs };
}

/** Reads a row of START. */
function toStarted(
  row: SqlValue[],
  { request, leaseId, queue }: { request: ClaimRequest; leaseId: number; queue: string },
): Job {
  return {
    id: row[0] as string,
    namespace: request.namespace,
    queue,
    type: row[1] as string,
    priority: row[2] as number,
    state: "running",
    payload: json(row[11]),
    attempt: row[3] as number,
    failures: row[4] as number,
    releases: row[5] as number,
    maxAttempts: row[6] as number,
    createdAt: row[7] as number,
    runAt: row[8] as number,
    startedAt: request.now,
    finishedAt: null,
    expireAt: row[9] as number | null,
    cancelRequestedAt: row[10] as number | null,
    worker: request.worker,
    leaseId: text(leaseId),
    waitingFor: null,
    gathering: false,
    options: json(row[12]) as JobOptions,
    progress: json(row[13]),
    result: json(row[14]),
    error: json(row[15]) as FailureRecord | null,
  };
}
