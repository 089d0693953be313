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

/** Where to begin in a lane. */
interface Start {
  lane: Lane;
  from: number;
}

/** What one look into a lane found, and the place up to which nothing else is left for the types. */
interface Look {
  lane: Lane;
  found: Pick[];
  upTo: number;
}

/** Rows of `ready` that one look passes. */
const WINDOW = 20_000;
/** Rows of `ready` that one claim passes, so that it stays short even before any floor is known. */
const BUDGET = 200_000;

/** What looking into one more lane costs, in rows of the budget. */
const LOOK_COST = 400;

/** Finds the jobs that a claim takes, lane by lane. */
export class Picker {
  /** What was found, in the order of dispatch. */
  readonly picks: Pick[] = [];
  readonly #connection: Connection;
  readonly #types: string | null;
  readonly #limit: number;
  readonly #floors: Map<string, number>;
  readonly #raised = new Map<Lane, number>();
  #budget = BUDGET;

  constructor(
    connection: Connection,
    options: { types: string[] | "all"; limit: number; floors: Map<string, number> },
  ) {
    this.#connection = connection;
    this.#types = options.types === "all" ? null : JSON.stringify(options.types);
    this.#limit = options.limit;
    this.#floors = options.floors;
  }

  /** Whether the claim has all that it asked for. */
  get full(): boolean {
    return this.picks.length >= this.#limit;
  }

  /** Forgets everything that was found, to look again. */
  restart(): void {
    this.picks.length = 0;
    this.#raised.clear();
  }

  /** Notes how far was looked, for later claims; when the picks are taken. */
  keep(): void {
    for (const [lane, floor] of this.#raised) {
      if (this.#types === null) lane.first = floor + 1;
      else this.#floors.set(lane.key, floor);
    }
  }

  /** Takes from lanes of the same rank, in the order of arrival over all of them. */
  take(lanes: Lane[]): void {
    const wanted = this.#limit - this.picks.length;
    let best: Pick[] = [];
    const looks: Look[] = [];
    for (const { lane, from } of lowestFirst(this.#open(lanes))) {
      if (this.#budget <= 0 || (best.length >= wanted && (best.at(-1)?.seq ?? 0) < from)) break;
      const look = this.#look(lane, from, wanted);
      looks.push(look);
      best = best.length === 0
        ? look.found
        : [...best, ...look.found].sort((a, b) => a.seq - b.seq).slice(0, wanted);
    }
    this.picks.push(...best);
    const cut = best.length < wanted ? Number.POSITIVE_INFINITY : best.at(-1)?.seq ?? 0;
    for (const { lane, found, upTo } of looks) {
      // Jobs that were found and are too many for this claim are still there.
      const left = found.find(({ seq }) => seq > cut);
      this.#raised.set(lane, left === undefined ? upTo : left.seq - 1);
    }
  }

  /** Lanes that may hold jobs of the types, and from where on. */
  #open(lanes: Lane[]): Start[] {
    const starts: Start[] = [];
    for (const lane of lanes) {
      const floor = this.#types === null ? 0 : this.#floors.get(lane.key) ?? 0;
      const from = Math.max(lane.first, floor + 1);
      if (from <= lane.last) starts.push({ lane, from });
    }
    return starts;
  }

  /** The first jobs of a lane from a place on, and the place up to which nothing else is left for these types. */
  #look(lane: Lane, from: number, wanted: number): Look {
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
      if (last !== undefined && found.length >= wanted) return { lane, found, upTo: last.seq };
      if (this.#types === null) return { lane, found, upTo: last?.seq ?? upTo };
      const passed = this.#connection.get(
        `select count(*) as jobs, max(seq) as seq from (select seq ${window} limit ${WINDOW})`,
        queueId,
        rank,
        upTo,
      );
      const jobs = int(passed?.jobs);
      this.#budget -= jobs + LOOK_COST;
      upTo = Math.max(upTo, int(passed?.seq ?? 0));
      if (jobs < WINDOW) return { lane, found, upTo: Math.max(upTo, lane.last) };
    }
    return { lane, found, upTo };
  }
}

/** Gives the starts by their place, lowest first; cheap when only the first few of thousands are asked for. */
function* lowestFirst(heap: Start[]): Generator<Start> {
  for (let at = heap.length >> 1; at-- > 0;) sink(heap, at);
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield top;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    sink(heap, 0);
  }
}

/** Restores the order of a binary heap below one place. */
function sink(heap: Start[], at: number): void {
  for (;;) {
    const start = heap[at];
    const left = 2 * at + 1;
    const child = fromOf(heap[left + 1]) < fromOf(heap[left]) ? left + 1 : left;
    const lower = heap[child];
    if (start === undefined || lower === undefined || start.from <= lower.from) return;
    heap[at] = lower;
    heap[child] = start;
    at = child;
  }
}

function fromOf(start: Start | undefined): number {
  return start?.from ?? Number.POSITIVE_INFINITY;
}
