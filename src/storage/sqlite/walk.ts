import { isBefore } from "../../domain/ageing.ts";
import type { SqlValue } from "../sql/script.ts";
import { AgeingLanes } from "./ageing_lanes.ts";
import type { Connection } from "./connection.ts";
import { Heap } from "./heap.ts";
import type { Lane } from "./lanes.ts";

/** A place in `ready` that a claim takes. */
export interface Pick {
  seq: number;
  jobId: string;
}

/** Lanes that a walk goes through, all before those of the next tier. */
export interface Tier {
  /** In the order in which they are wanted; those of a group by the order of arrival over all of them. */
  groups: Lane[][];
  /** Those whose jobs age, which come between the others, each with the time in which a job gains a priority. */
  ageing: { lane: Lane; stepMs: number }[];
}

/** How far a walk has come in one lane. */
export interface Cursor {
  lane: Lane;
  /** Rows that were read and not taken yet, lowest last. */
  rows: Pick[];
  /** Everything up to here was read: what is wanted of it is among the rows, or taken. */
  upTo: number;
  /** How many rows to read next. */
  chunk: number;
  /** Whether there were rows of other types among those that were read. */
  mixed: boolean;
  /** Between which places the present claim took all rows of the types, bounds included. */
  taken: { first: number; last: number } | undefined;
}

/** Cursors of a tier. */
interface OpenTier {
  groups: { rank: number; cursors: Heap<Cursor> }[];
  ageing: AgeingLanes | undefined;
}

/** Rows of a lane that are read at once, at least and at most. */
const CHUNK_MIN = 8;
const CHUNK_MAX = 1_000;
/** Rows of `ready` that one look passes. */
const WINDOW = 20_000;
/** Rows of `ready` that one claim passes, so that it stays short even before any floor is known. */
const BUDGET = 200_000;
/** What looking in vain costs, in rows of the budget. */
const LOOK_COST = 400;

/** Options of {@linkcode Walk}. */
export interface WalkOptions {
  /** The types wanted. */
  types: string[] | "all";
  /** How many jobs the first claim wants. */
  limit: number;
  /** Up to which place each lane has nothing left for these types, by its key. */
  floors: Map<string, number>;
}

/**
 * Goes through lanes and takes jobs of certain types, claim by claim. What it has read ahead holds as long as nobody else
 * changes what is available.
 */
export class Walk {
  readonly #connection: Connection;
  readonly #floors: Map<string, number>;
  readonly #all: boolean;
  readonly #types: string[];
  readonly #ofTypes: string;
  readonly #tiers: OpenTier[];
  readonly #touched = new Set<Cursor>();
  #picks: Pick[] = [];
  #limit = 0;
  #budget = 0;

  constructor(connection: Connection, tiers: Tier[], { types, limit, floors }: WalkOptions) {
    this.#connection = connection;
    this.#floors = floors;
    this.#all = types === "all";
    this.#types = types === "all" ? [] : types;
    this.#ofTypes = types === "all" ? "" : `and type in (${types.map((_, at) => `$${at + 5}`).join(", ")})`;
    this.#tiers = tiers.map(({ groups, ageing }) => ({
      groups: groups.map((lanes) => ({
        rank: lanes[0]?.rank ?? 0,
        cursors: new Heap(this.#open(lanes, limit), placeOf),
      })),
      ageing: ageing.length === 0 ? undefined : new AgeingLanes(
        connection,
        ageing.flatMap(({ lane, stepMs }) => this.#open([lane], limit).map((cursor) => ({ cursor, stepMs }))),
      ),
    }));
  }

  /** Finds the next jobs in the order of dispatch; the claim must end with {@linkcode finish}. */
  pick(limit: number, now: number): Pick[] {
    this.#picks = [];
    this.#limit = limit;
    this.#budget = BUDGET;
    for (const tier of this.#tiers) {
      if (tier.ageing !== undefined) this.#merge(tier.groups, tier.ageing, now);
      for (const { cursors } of tier.groups) {
        for (let top = cursors.top; top !== undefined && !this.#over; top = cursors.top) {
          this.#advance(cursors, top);
        }
      }
    }
    return this.#picks;
  }

  /** Takes from lanes that age and from the others, whichever is first, until nothing that ages is left. */
  #merge(groups: OpenTier["groups"], ageing: AgeingLanes, now: number): void {
    const read = (cursor: Cursor): boolean => {
      if (this.#budget <= 0) return false;
      this.#read(cursor);
      return true;
    };
    while (!this.#over) {
      const oldest = ageing.oldest(now, read);
      if (oldest === undefined) return;
      const group = groups.find(({ cursors }) => cursors.top !== undefined);
      const top = group?.cursors.top;
      // What was not read yet stands at the lowest place that it can have, and is read when that is the first.
      if (
        group !== undefined && top !== undefined &&
        isBefore({ rank: group.rank, seq: placeOf(top) }, oldest.standing)
      ) {
        this.#advance(group.cursors, top);
      } else this.#take(oldest.cursor, oldest.cursor.rows.pop() as Pick);
    }
  }

  /** Takes the next job of the topmost lane, or reads on in it. */
  #advance(cursors: Heap<Cursor>, top: Cursor): void {
    const row = top.rows.pop();
    if (row !== undefined) this.#take(top, row);
    else this.#read(top);
    if (top.rows.length === 0 && top.upTo >= top.lane.last) cursors.pop();
    else cursors.sink();
  }

  /** Takes what was picked out of `ready` and notes how far was looked, for later walks. */
  finish(): void {
    for (const cursor of this.#touched) {
      const { lane, rows, upTo, taken } = cursor;
      if (taken !== undefined) this.#delete(lane, taken);
      cursor.taken = undefined;
      // Rows that were read and are too many for this claim are still there.
      const floor = (rows.at(-1)?.seq ?? upTo + 1) - 1;
      if (this.#all) lane.first = floor + 1;
      else this.#floors.set(lane.key, floor);
    }
    this.#touched.clear();
  }

  get #over(): boolean {
    return this.#picks.length >= this.#limit || this.#budget <= 0;
  }

  #take(cursor: Cursor, row: Pick): void {
    this.#picks.push(row);
    this.#touched.add(cursor);
    cursor.taken ??= { first: row.seq, last: row.seq };
    cursor.taken.last = row.seq;
  }

  #delete({ queueId, rank }: Lane, { first, last }: { first: number; last: number }): void {
    const rows = `queue_id = $1 and rank = $2 and seq between $3 and $4 ${this.#ofTypes}`;
    this.#connection.run(`delete from ready where ${rows}`, queueId, rank, first, last, ...this.#types);
  }

  /** Lanes that may hold jobs of the types. */
  #open(lanes: Lane[], limit: number): Cursor[] {
    const chunk = Math.max(CHUNK_MIN, Math.ceil(limit / lanes.length));
    const cursors: Cursor[] = [];
    for (const lane of lanes) {
      const floor = this.#all ? 0 : this.#floors.get(lane.key) ?? 0;
      const upTo = Math.max(lane.first - 1, floor);
      if (upTo < lane.last) cursors.push({ lane, rows: [], upTo, chunk, mixed: false, taken: undefined });
    }
    return cursors;
  }

  /** Reads the next rows of a lane. */
  #read(cursor: Cursor): void {
    const wanted = cursor.chunk;
    cursor.chunk = Math.min(CHUNK_MAX, 2 * wanted);
    this.#touched.add(cursor);
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
