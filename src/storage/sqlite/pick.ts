import type { SqlValue } from "../sql/script.ts";
import type { Connection } from "./connection.ts";
import { Heap } from "./heap.ts";
import type { Lane } from "./lanes.ts";

/** A place in `ready` that a claim takes. */
export interface Pick {
  seq: number;
  jobId: string;
}

/** What a claim takes of one lane: all rows of its types between two places, bounds included. */
export interface Taken {
  lane: Lane;
  first: number;
  last: number;
}

/** How far a claim has come in one lane. */
interface Cursor {
  lane: Lane;
  /** Rows that were read and not taken yet, lowest last. */
  rows: Pick[];
  /** Everything up to here was read: what is wanted of it is among the rows, or taken. */
  upTo: number;
  /** How many rows to read next. */
  chunk: number;
  /** Whether there were rows of other types among those that were read. */
  mixed: boolean;
  /** What was taken. */
  taken: Taken | undefined;
}

/** Rows of `ready` that one look passes. */
const WINDOW = 20_000;
/** Rows of `ready` that one claim passes, so that it stays short even before any floor is known. */
const BUDGET = 200_000;
/** What looking in vain costs, in rows of the budget. */
const LOOK_COST = 400;

/** Options of {@linkcode Picker}. */
export interface PickerOptions {
  /** The types wanted. */
  types: string[] | "all";
  /** How many jobs at most. */
  limit: number;
  /** Up to which place each lane has nothing left for these types, by its key. */
  floors: Map<string, number>;
}

/** Finds the jobs that a claim takes, lane by lane. */
export class Picker {
  /** What was found, in the order of dispatch. */
  readonly picks: Pick[] = [];
  readonly #connection: Connection;
  readonly #options: PickerOptions;
  readonly #all: boolean;
  readonly #types: string[];
  readonly #ofTypes: string;
  readonly #cursors = new Set<Cursor>();
  #budget = BUDGET;

  constructor(connection: Connection, options: PickerOptions) {
    const { types } = options;
    this.#connection = connection;
    this.#options = options;
    this.#all = types === "all";
    this.#types = types === "all" ? [] : types;
    this.#ofTypes = types === "all" ? "" : `and type in (${types.map((_, at) => `$${at + 5}`).join(", ")})`;
  }

  /** Whether the claim has all that it asked for. */
  get full(): boolean {
    return this.picks.length >= this.#options.limit;
  }

  /** Forgets everything that was found, to look again. */
  restart(): void {
    this.picks.length = 0;
    this.#cursors.clear();
  }

  /** Takes the picks out of `ready` and notes how far was looked, for later claims. */
  finish(): void {
    const range = "queue_id = $1 and rank = $2 and seq between $3 and $4";
    for (const { lane, rows, upTo, taken } of this.#cursors) {
      if (taken !== undefined) {
        const { first, last } = taken;
        this.#connection.run(
          `delete from ready where ${range} ${this.#ofTypes}`,
          lane.queueId,
          lane.rank,
          first,
          last,
          ...this.#types,
        );
      }
      // Rows that were read and are too many for this claim are still there.
      const floor = (rows.at(-1)?.seq ?? upTo + 1) - 1;
      if (this.#all) lane.first = floor + 1;
      else this.#options.floors.set(lane.key, floor);
    }
  }

  /** Takes from lanes of the same rank, in the order of arrival over all of them. */
  take(lanes: Lane[]): void {
    const cursors = new Heap(this.#open(lanes), placeOf);
    for (let top = cursors.top; top !== undefined && !this.full && this.#budget > 0; top = cursors.top) {
      const row = top.rows.pop();
      if (row !== undefined) this.#pick(top, row);
      else this.#read(top);
      if (top.rows.length === 0 && top.upTo >= top.lane.last) cursors.pop();
      else cursors.sink();
    }
  }

  #pick(cursor: Cursor, row: Pick): void {
    this.picks.push(row);
    cursor.taken ??= { lane: cursor.lane, first: row.seq, last: row.seq };
    cursor.taken.last = row.seq;
  }

  /** Lanes that may hold jobs of the types. */
  #open(lanes: Lane[]): Cursor[] {
    const { floors, limit } = this.#options;
    const chunk = Math.ceil((limit - this.picks.length) / lanes.length);
    const cursors: Cursor[] = [];
    for (const lane of lanes) {
      const floor = this.#all ? 0 : floors.get(lane.key) ?? 0;
      const upTo = Math.max(lane.first - 1, floor);
      if (upTo < lane.last) cursors.push({ lane, rows: [], upTo, chunk, mixed: false, taken: undefined });
    }
    return cursors;
  }

  /** Reads the next rows of a lane. */
  #read(cursor: Cursor): void {
    const wanted = Math.min(cursor.chunk, this.#options.limit - this.picks.length);
    cursor.chunk *= 2;
    this.#cursors.add(cursor);
    if (cursor.mixed) this.#search(cursor, wanted);
    else this.#readAll(cursor, wanted);
  }

  /** Reads what comes next, of whatever type: mostly it is what is wanted. */
  #readAll(cursor: Cursor, wanted: number): void {
    const { lane, upTo } = cursor;
    const rows = this.#connection.lists(
      "select seq, job_id, type from ready where queue_id = $1 and rank = $2 and seq > $3 order by seq limit $4",
      lane.queueId,
      lane.rank,
      upTo,
      wanted,
    );
    const ours = this.#all ? rows : rows.filter((row) => this.#types.includes(row[2] as string));
    cursor.mixed = ours.length < rows.length;
    cursor.rows = ours.map(toPick).reverse();
    cursor.upTo = rows.length < wanted ? lane.last : rows.at(-1)?.[0] as number;
  }

  /** Searches for rows of the types wanted among others. */
  #search(cursor: Cursor, wanted: number): void {
    const { lane, upTo } = cursor;
    const from = "from ready where queue_id = $1 and rank = $2 and seq > $3 order by seq";
    const place: SqlValue[] = [lane.queueId, lane.rank, upTo];
    const rows = this.#connection.lists(
      `select seq, job_id from (select seq, job_id, type ${from} limit ${WINDOW}) where true ${this.#ofTypes} limit $4`,
      ...place,
      wanted,
      ...this.#types,
    );
    cursor.rows = rows.map(toPick).reverse();
    cursor.upTo = rows.length >= wanted
      ? rows.at(-1)?.[0] as number
      : this.#passed(lane, `${from} limit ${WINDOW}`, place);
  }

  /** Up to where a window of a lane was looked through for rows of the types. */
  #passed(lane: Lane, window: string, place: SqlValue[]): number {
    const [row] = this.#connection.lists(`select count(*), max(seq) from (select seq ${window})`, ...place);
    const jobs = Number(row?.[0] ?? 0);
    this.#budget -= jobs + LOOK_COST;
    return jobs < WINDOW ? lane.last : Number(row?.[1]);
  }
}

function toPick([seq, jobId]: SqlValue[]): Pick {
  return { seq: seq as number, jobId: jobId as string };
}

/** The lowest place that the next job of a lane can have. */
function placeOf({ rows, upTo }: Cursor): number {
  return rows.at(-1)?.seq ?? upTo + 1;
}
