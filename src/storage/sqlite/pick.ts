import { int, text } from "../sql/row.ts";
import type { Connection } from "./connection.ts";
import type { Lane } from "./lanes.ts";

/** A place in `ready` that a claim takes. */
export interface Pick {
  queueId: number;
  rank: number;
  seq: number;
  jobId: string;
}

/** Rows of `ready` that one look passes. */
const WINDOW = 20_000;
/** Rows of `ready` that one claim passes, so that it stays short even before any floor is known. */
const BUDGET = 400_000;

/** What looking into one more lane costs, in rows of the budget. */
const LOOK_COST = 50;

/** Finds the jobs that a claim takes, lane by lane. */
export class Picker {
  /** What was found, in the order of dispatch. */
  readonly picks: Pick[] = [];
  readonly #connection: Connection;
  readonly #types: string | null;
  readonly #limit: number;
  readonly #floors: Map<string, number>;
  #budget = BUDGET;

  constructor(connection: Connection, options: { types: string[] | "all"; limit: number; floors: Map<string, number> }) {
    this.#connection = connection;
    this.#types = options.types === "all" ? null : JSON.stringify(options.types);
    this.#limit = options.limit;
    this.#floors = options.floors;
  }

  /** Whether the claim has all that it asked for. */
  get full(): boolean {
    return this.picks.length >= this.#limit;
  }

  /** Gives back everything that was found, to look again. */
  restart(): void {
    this.picks.length = 0;
  }

  /** Takes from lanes of the same rank, in the order of arrival over all of them. */
  take(lanes: Lane[]): void {
    const wanted = this.#limit - this.picks.length;
    const open = lanes
      .map((lane) => ({ lane, from: Math.max(lane.first, this.#floor(lane) + 1) }))
      .filter(({ lane, from }) => from <= lane.last)
      .sort((a, b) => a.from - b.from);
    let best: Pick[] = [];
    const looked: { lane: Lane; upTo: number }[] = [];
    for (const { lane, from } of open) {
      if (this.#budget <= 0 || (best.length >= wanted && (best.at(-1)?.seq ?? 0) < from)) break;
      const { found, upTo } = this.#look(lane, from, wanted);
      looked.push({ lane, upTo });
      best = best.length === 0 ? found : [...best, ...found].sort((a, b) => a.seq - b.seq).slice(0, wanted);
    }
    this.picks.push(...best);
    // Jobs that were found and are too many for this claim are still there.
    const cut = best.length < wanted ? Number.POSITIVE_INFINITY : best.at(-1)?.seq ?? 0;
    for (const { lane, upTo } of looked) this.#raise(lane, Math.min(upTo, cut));
  }

  /** The first jobs of a lane from a place on, and the place up to which nothing else is left for these types. */
  #look(lane: Lane, from: number, wanted: number): { found: Pick[]; upTo: number } {
    const { queueId, rank } = lane;
    const found: Pick[] = [];
    let upTo = from - 1;
    while (found.length < wanted && this.#budget > 0) {
      const window = "from ready where queue_id = $1 and rank = $2 and seq > $3 order by seq";
      const rows = this.#types === null
        ? this.#connection.all(`select seq, job_id ${window} limit $4`, queueId, rank, upTo, wanted)
        : this.#connection.all(
          `select seq, job_id from (select seq, job_id, type ${window} limit ${WINDOW}) ` +
            "where type in (select value from json_each($5)) limit $4",
          queueId,
          rank,
          upTo,
          wanted - found.length,
          this.#types,
        );
      for (const row of rows) found.push({ queueId, rank, seq: int(row.seq), jobId: text(row.job_id) });
      const last = found.at(-1);
      if (last !== undefined && found.length >= wanted) return { found, upTo: last.seq };
      if (this.#types === null) return { found, upTo: last?.seq ?? upTo };
      const passed = this.#connection.get(
        `select count(*) as jobs, max(seq) as seq from (select seq ${window} limit ${WINDOW})`,
        queueId,
        rank,
        upTo,
      );
      const jobs = int(passed?.jobs);
      this.#budget -= jobs + LOOK_COST;
      upTo = Math.max(upTo, int(passed?.seq ?? 0));
      if (jobs < WINDOW) return { found, upTo: Math.max(upTo, lane.last) };
    }
    return { found, upTo };
  }

  #floor(lane: Lane): number {
    return this.#floors.get(laneKey(lane)) ?? 0;
  }

  #raise(lane: Lane, floor: number): void {
    if (this.#types === null) lane.first = floor + 1;
    else this.#floors.set(laneKey(lane), floor);
  }
}

function laneKey({ queueId, rank }: Lane): string {
  return `${queueId} ${rank}`;
}
