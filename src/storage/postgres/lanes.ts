import type { Place } from "./place.ts";

/**
 * One queue and priority of `ready`, as this process knows it. Claimed rows stay in the index as dead entries until
 * nobody can see them any more; the floors keep claims from walking through them.
 */
export interface Lane {
  readonly queueId: number;
  readonly rank: number;
  /** A hint: claims look above it. The highest place claimed or passed over. */
  claimed: number;
  /** A fact: no row at or below it is there or will ever turn up. */
  clean: number;
  /** A hint: the last look or claim left nothing here. */
  dry: boolean;
}

/** Part of the index between two known lanes, bounds excluded. */
export interface Gap {
  after: Pick<Lane, "queueId" | "rank">;
  before: Pick<Lane, "queueId" | "rank">;
}

/**
 * Hints that came while a statement was under way: the lowest place of each lane. The statement may have been too early
 * to see that row, so its answer must not raise the floor above it.
 */
export type Watch = Map<Lane, number>;

/** Lanes kept at most, unless more have rows: empty ones beyond it are forgotten. */
const KEPT = 1000;
const BELOW_ALL = { queueId: 0, rank: 0 };
const ABOVE_ALL = { queueId: Number.MAX_SAFE_INTEGER, rank: 0 };

/** The lanes that one kind of claim knows. */
export class Lanes {
  readonly #lanes = new Map<number, Lane>();
  readonly #watches = new Set<Watch>();
  /** Lanes that are not known have nothing at or below this place. */
  #elsewhere = 0;

  /** Lanes that may have rows. */
  candidates(): Lane[] {
    return [...this.#lanes.values()].filter((lane) => !lane.dry);
  }

  /** All lanes in the order of the index. */
  known(): Lane[] {
    return [...this.#lanes.values()].sort((a, b) => a.queueId - b.queueId || a.rank - b.rank);
  }

  /** What lies between lanes that are in the order of the index. */
  gaps(lanes: Lane[]): Gap[] {
    return [BELOW_ALL, ...lanes].map((after, at) => ({ after, before: lanes[at] ?? ABOVE_ALL }));
  }

  /** Notes the hints that come while a statement is under way. */
  async watching<T>(work: (watch: Watch) => Promise<T>): Promise<T> {
    const watch: Watch = new Map();
    this.#watches.add(watch);
    try {
      return await work(watch);
    } finally {
      this.#watches.delete(watch);
    }
  }

  /** Somebody says that there is a row. */
  hint({ queueId, rank, seq }: Place): void {
    this.#lower(this.#lane(queueId, rank), seq);
  }

  /** A claim took rows of the lane up to this place. */
  taken(lane: Lane, seq: number, watch: Watch): void {
    lane.claimed = Math.max(lane.claimed, Math.min(seq, below(watch, lane)));
  }

  /** A claim took all that it could see of the lane. */
  exhausted(lane: Lane, watch: Watch): void {
    if (!watch.has(lane)) lane.dry = true;
  }

  /** A look found the lowest row above the clean floor. Gives whether claims have something new to look for. */
  seen(lane: Lane, seq: number, decided: number): boolean {
    lane.clean = Math.max(lane.clean, Math.min(decided, seq - 1));
    const news = lane.dry || seq <= lane.claimed;
    this.#lower(lane, seq);
    return news;
  }

  /** A look found no row; `top` is the highest place given before it. */
  empty(lane: Lane, decided: number, { top, watch }: { top: number; watch: Watch }): void {
    lane.clean = Math.max(lane.clean, decided);
    if (watch.has(lane)) return;
    lane.claimed = Math.max(lane.claimed, top);
    lane.dry = true;
  }

  /** A look found a lane that was not known, and its lowest row. */
  found(place: Place, decided: number, watch: Watch): void {
    const lane = this.#lane(place.queueId, place.rank);
    lane.clean = Math.max(lane.clean, Math.min(decided, place.seq - 1));
    this.taken(lane, place.seq - 1, watch);
  }

  /** A look found all lanes that have rows. */
  complete(decided: number): void {
    this.#elsewhere = Math.max(this.#elsewhere, decided);
    for (const [key, lane] of this.#lanes) {
      if (this.#lanes.size <= KEPT) return;
      if (lane.dry) this.#lanes.delete(key);
    }
  }

  #lower(lane: Lane, seq: number): void {
    lane.dry = false;
    lane.claimed = Math.max(Math.min(lane.claimed, seq - 1), lane.clean);
    for (const watch of this.#watches) watch.set(lane, Math.min(seq, watch.get(lane) ?? seq));
  }

  #lane(queueId: number, rank: number): Lane {
    const key = laneKey(queueId, rank);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { queueId, rank, claimed: this.#elsewhere, clean: this.#elsewhere, dry: false };
      this.#lanes.set(key, lane);
    }
    return lane;
  }
}

/** One number for a queue and a rank, which is within two bytes. */
export function laneKey(queueId: number, rank: number): number {
  return queueId * 65_536 + rank + 32_768;
}

function below(watch: Watch, lane: Lane): number {
  return (watch.get(lane) ?? Infinity) - 1;
}
