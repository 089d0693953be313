import { gainedByAge, mergeLanes } from "../../domain/ageing.ts";
import type { ClaimRequest, ClaimResult } from "../driver.ts";
import { Allowance } from "./allowance.ts";
import {
  ageingClaimQuery,
  claimQuery,
  claimValues,
  type LaneTerms,
  readDry,
  readPlace,
  readStarted,
} from "./claim.ts";
import type { Connections, Query } from "./connections.ts";
import { DecidedSeq } from "./floor.ts";
import type { Place } from "./place.ts";
import { type Lane, laneKey, Lanes, type Watch } from "./lanes.ts";
import { FOUND_MAX, lookQuery, lookValues, readSight, type Sight } from "./look.ts";
import type { Names } from "./names.ts";
import type { QueueIds } from "./queue_ids.ts";
import type { System } from "../../domain/clock.ts";
import type { Job } from "../../domain/job.ts";

/** A claimer that always finds enough looks after this time all the same. */
const LOOK_WHEN_BUSY_MS = 1000;
/**
 * Lanes that one claim asks: as many as it wants jobs, since each should have one, but at least and at most so many. Each
 * costs something even when the claim is full before its turn.
 */
const ASKED_MIN = 64;
const ASKED_MAX = 1000;

/** What claims of one driver share. */
export interface ClaimerContext {
  connections: Connections;
  names: Names;
  queues: QueueIds;
  system: System;
}

/** A claim: the lanes that it asked, hints that came meanwhile, and how many jobs it wanted. */
interface Asked {
  lanes: Lane[];
  /** Whether there are others. */
  partial: boolean;
  watch: Watch;
  limit: number;
}

/** Claims jobs of certain types. What it remembers about lanes holds for these types only. */
export class Claimer {
  readonly #context: ClaimerContext;
  readonly #types: string[] | "all";
  readonly #claim: Query;
  readonly #ageingClaim: Query;
  readonly #look: Query;
  readonly #lanes = new Lanes();
  /** Of this claimer's own looks: it holds for their snapshots, which follow each other. */
  readonly #decided = new DecidedSeq();
  /** A look may have to walk through many dead entries. */
  readonly #allowance: Allowance;
  #turn = 0;
  #looking: Promise<boolean> | null = null;
  #lookedAt = -Infinity;
  #looks = 0;
  /** What the last look saw; it may lie in the past. */
  #nextDueAt: number | null = null;
  /** Something changed that nobody described. */
  #suspicious = true;
  /** There were more lanes than the last look could name. */
  #unseen = false;

  constructor(context: ClaimerContext, types: string[] | "all") {
    this.#context = context;
    this.#types = types;
    this.#allowance = new Allowance(context.system.monotonic);
    this.#claim = claimQuery(context.names, types !== "all");
    this.#ageingClaim = ageingClaimQuery(context.names, types !== "all");
    this.#look = lookQuery(context.names, types !== "all");
  }

  /**
   * {@linkcode Driver.claim}: from the lanes known to have something. When that gives nothing, and from time to time when
   * it gives enough, a look at everything comes first.
   */
  async claim(request: ClaimRequest): Promise<ClaimResult> {
    if (this.#suspicious || this.#busyTooLong()) await this.#lookIfAllowed();
    const result = await this.#takeSome(request);
    if (result.jobs.length > 0) return this.#withMore(result, request);
    const looks = this.#looks;
    const news = await this.#lookIfAllowed();
    const looked = this.#looks > looks ? { nextDueAt: this.#nextDueAt } : {};
    return { ...(news ? this.#withMore(await this.#takeSome(request), request) : result), ...looked };
  }

  /** Says that there are more where a short claim did not look. */
  #withMore(result: ClaimResult, { limit }: ClaimRequest): ClaimResult {
    const { length } = result.jobs;
    return this.#unseen && length > 0 && length < limit ? { ...result, more: true } : result;
  }

  /** There is a new row. */
  hint(place: Place): void {
    this.#lanes.hint(place);
  }

  /** Something may have changed that nobody described: the next claim looks first. */
  suspect(): void {
    this.#suspicious = true;
  }

  /** Idle claimers look whenever they find nothing. */
  #busyTooLong(): boolean {
    return this.#context.system.monotonic() - this.#lookedAt > LOOK_WHEN_BUSY_MS &&
      this.#lanes.candidates().length > 0;
  }

  /** Asks more lanes as long as those asked have nothing. */
  async #takeSome(request: ClaimRequest): Promise<ClaimResult> {
    let result: ClaimResult;
    do result = await this.#take(request); while (result.jobs.length === 0 && result.more === true);
    return result;
  }

  async #take(request: ClaimRequest): Promise<ClaimResult> {
    // A hint names a queue by its id only; one that another process made has no name here yet.
    await this.#context.queues.learn(this.#lanes.candidates().map(({ queueId }) => queueId));
    const { lanes: all, least, terms } = this.#wanted(request);
    const lanes = all.slice(0, Math.min(ASKED_MAX, Math.max(ASKED_MIN, request.limit, least)));
    if (lanes.length === 0) return { leaseId: null, jobs: [] };
    return await this.#lanes.watching(async (watch) => {
      const values = claimValues(request, lanes, terms);
      const query = terms === undefined ? this.#claim : this.#ageingClaim;
      const rows = await this.#context.connections.queryArrays(query, values);
      const partial = lanes.length < all.length;
      const asked = { lanes, partial, watch, limit: request.limit };
      const read = (row: unknown[]): Job =>
        readStarted(row, request, (queueId) => this.#context.queues.nameOf(queueId));
      const jobs = terms === undefined
        ? this.#started(rows, asked).map(read)
        : this.#merged(rows, asked, { request, terms, read });
      // Others may have taken what lanes that age would have given, while lanes behind them still have some.
      const short = jobs.length < request.limit && (partial || (terms !== undefined && jobs.length > 0));
      return { leaseId: jobs[0]?.leaseId ?? null, jobs, ...(short && { more: true }) };
    });
  }

  /**
   * Notes what was taken, and, so that the others have their turn, which lanes have nothing left: all before the one in
   * which the claim was full. Gives the rows in the order of dispatch.
   */
  #started(rows: unknown[][], { lanes, partial, watch, limit }: Asked): unknown[][] {
    const positions = new Map(lanes.map((lane, pos) => [laneKey(lane.queueId, lane.rank), pos]));
    const picks = rows.map((row) => {
      const { queueId, rank, seq } = readPlace(row);
      return { row, seq, pos: positions.get(laneKey(queueId, rank)) ?? 0 };
    });
    picks.sort((a, b) => a.pos - b.pos || a.seq - b.seq);
    for (const { pos, seq } of picks) {
      const lane = lanes[pos];
      if (lane !== undefined) this.#lanes.taken(lane, seq, watch);
    }
    const full = rows.length < limit ? lanes.length : picks.at(-1)?.pos ?? 0;
    if (partial) { for (const lane of lanes.slice(0, full)) this.#lanes.exhausted(lane, watch); }
    return picks.map(({ row }) => row);
  }

  /** {@linkcode #started} of a claim in which jobs age. */
  #merged(
    rows: unknown[][],
    { lanes, partial, watch, limit }: Asked,
    { request, terms, read }: { request: ClaimRequest; terms: LaneTerms; read(row: unknown[]): Job },
  ): Job[] {
    const positions = new Map(lanes.map((lane, pos) => [laneKey(lane.queueId, lane.rank), pos]));
    const picks = rows.flatMap((row) => {
      const { queueId, rank, seq } = readPlace(row);
      const lane = lanes[positions.get(laneKey(queueId, rank)) ?? -1];
      return lane === undefined ? [] : [{ lane, seq, job: read(row), ...terms(lane) }];
    });
    picks.sort((a, b) => a.seq - b.seq);
    for (const { lane, seq } of picks) this.#lanes.taken(lane, seq, watch);
    const dry = rows.length === 0 ? lanes : readDry(rows).flatMap((pos) => lanes[pos] ?? []);
    if (partial) { for (const lane of dry) this.#lanes.exhausted(lane, watch); }
    const standing = ({ lane, seq, step, job }: typeof picks[number]) => ({
      rank: lane.rank - gainedByAge(job, step ?? undefined, request.now),
      seq,
    });
    const tiers = [...Map.groupBy(picks, ({ tier }) => tier)].sort(([a], [b]) => a - b);
    return tiers.flatMap(([, tier]) =>
      mergeLanes(Map.groupBy(tier, ({ lane }) => lane).values(), standing, limit)
    ).map(({ job }) => job);
  }

  /** The lanes that a request wants, in order; with terms if jobs of some of them age, and how many must be asked then. */
  #wanted(request: ClaimRequest): { lanes: Lane[]; least: number; terms?: LaneTerms } {
    const lanes = this.#inOrder(request);
    const { ageing, queues: wanted } = request;
    if (ageing === undefined || ageing.size === 0) return { lanes, least: 0 };
    const { queues } = this.#context;
    const ids = [...new Set(lanes.map(({ queueId }) => queueId))];
    const steps = new Map(ids.map((id) => [id, ageing.get(queues.nameOf(id)?.name ?? "")]));
    const ages = ({ queueId }: Lane): boolean => steps.get(queueId) !== undefined;
    if (!lanes.some(ages)) return { lanes, least: 0 };
    // With all queues, what ages may come before anything; else a queue comes before those that are named later.
    const order = wanted === "all" ? [...lanes.filter(ages), ...lanes.filter((lane) => !ages(lane))] : lanes;
    const tiers = new Map(wanted === "all" ? [] : ids.map((id, at) => [id, at]));
    return {
      lanes: order,
      least: order.findLastIndex(ages) + 1,
      terms: ({ queueId }) => ({ tier: tiers.get(queueId) ?? 0, step: steps.get(queueId) ?? null }),
    };
  }

  /** The lanes of a request in the order in which it wants them. */
  #inOrder(request: ClaimRequest): Lane[] {
    const { namespace, queues: wanted } = request;
    const { queues } = this.#context;
    const candidates = this.#lanes.candidates();
    if (wanted === "all") {
      const mine = candidates.filter((lane) => queues.nameOf(lane.queueId)?.namespace === namespace);
      return this.#rotated(mine);
    }
    const ids = [...new Set(wanted)].map((name) => queues.idOf(namespace, name));
    const place = new Map(ids.map((id, at) => [id, at]));
    return candidates
      .filter((lane) => place.has(lane.queueId))
      .sort((a, b) => (place.get(a.queueId) ?? 0) - (place.get(b.queueId) ?? 0) || a.rank - b.rank);
  }

  /** Highest priority first; among equals each claim begins with another one, so that no queue starves. */
  #rotated(lanes: Lane[]): Lane[] {
    const byRank = Map.groupBy(lanes, (lane) => lane.rank);
    const turn = this.#turn++;
    return [...byRank.keys()].sort((a, b) => a - b).flatMap((rank) => {
      const equals = byRank.get(rank) ?? [];
      const first = turn % equals.length;
      return [...equals.slice(first), ...equals.slice(0, first)];
    });
  }

  /** Looks, or waits for the look that is under way. Gives whether there is something new to claim. */
  #lookIfAllowed(): Promise<boolean> {
    if (this.#looking === null && !this.#allowance.open) return Promise.resolve(false);
    this.#looking ??= this.#lookNow().finally(() => this.#looking = null);
    return this.#looking;
  }

  async #lookNow(): Promise<boolean> {
    const { connections, queues, system } = this.#context;
    return await this.#lanes.watching(async (watch) => {
      const lanes = this.#lanes.known();
      const values = lookValues(lanes, this.#lanes.gaps(lanes), this.#types);
      const start = system.monotonic();
      this.#suspicious = false;
      const sight = readSight((await connections.query(this.#look, values))[0]);
      this.#lookedAt = system.monotonic();
      this.#allowance.spend(this.#lookedAt - start);
      await queues.learn(sight.found.map(([queueId]) => queueId));
      return this.#remember(sight, lanes, watch);
    });
  }

  #remember({ nextDueAt, xmin, xid, top, known, found }: Sight, lanes: Lane[], watch: Watch): boolean {
    this.#looks++;
    this.#nextDueAt = nextDueAt;
    this.#decided.advance(xmin);
    this.#decided.note(top, xid);
    const decided = this.#decided.seq;
    let news = found.length > 0;
    for (const [pos, seq] of known) {
      const lane = lanes[pos];
      if (lane === undefined) continue;
      if (seq === null) this.#lanes.empty(lane, decided, { top, watch });
      else if (this.#lanes.seen(lane, seq, decided)) news = true;
    }
    for (const [queueId, rank, seq] of found) this.#lanes.found({ queueId, rank, seq }, decided, watch);
    this.#unseen = found.length >= FOUND_MAX;
    if (!this.#unseen) this.#lanes.complete(decided);
    return news;
  }
}
