import type { Query, Value } from "../../src/storage/postgres/connections.ts";
import type { Place } from "../../src/storage/postgres/place.ts";

/** A row of `ready`. */
interface Row extends Place {
  insertedBy: number;
  /** Who locks it, and deletes it at commit. */
  takenBy: number | null;
}

type Snapshot = { xmin: number; xmax: number; running: Set<number> };
type Floor = { pos: number; queue_id: number; rank: number; floor: number };
type Gap = { q1: number; r1: number; q2: number; r2: number };

/**
 * The table `ready` as PostgreSQL keeps it, with snapshots, transaction numbers, row locks and a sequence, and between any
 * two things that it does `step`, at which others have their turn. Looks and claims mean what look.ts and claim.ts say.
 */
export class ReadyModel {
  readonly #step: () => Promise<void>;
  readonly #random: () => number;
  readonly #rows: Row[] = [];
  readonly #running = new Set<number>();
  readonly #aborted = new Set<number>();
  #xid = 100;
  #latestEnded = 100;
  #seq = 0;

  constructor(step: () => Promise<void>, random: () => number) {
    this.#step = step;
    this.#random = random;
  }

  /** Adds rows in one transaction. Gives their places if it is kept, which is decided at the end. */
  async insert(lanes: Pick<Place, "queueId" | "rank">[], kept: boolean): Promise<Place[]> {
    const xid = this.#begin();
    const places: Place[] = [];
    for (const lane of lanes) {
      await this.#step();
      const place = { ...lane, seq: ++this.#seq };
      await this.#step();
      this.#rows.push({ ...place, insertedBy: xid, takenBy: null });
      places.push(place);
    }
    await this.#step();
    this.#end(xid, kept);
    return kept ? places : [];
  }

  /** Rows that nobody took. */
  left(): Place[] {
    const now = this.#snapshot();
    return this.#rows.filter((row) => this.#sees(now, row)).map(({ queueId, rank, seq }) => ({
      queueId,
      rank,
      seq,
    }));
  }

  /** A look. */
  async query(_query: Query, [known, gaps]: Value[] = []): Promise<Record<string, unknown>[]> {
    await this.#step();
    const snapshot = this.#snapshot();
    await this.#step();
    const top = this.#seq;
    await this.#step();
    const xid = this.#begin();
    await this.#step();
    this.#end(xid, true);
    await this.#step();
    const rows = this.#rows.filter((row) => this.#sees(snapshot, row));
    const lowest = (floor: Floor): number | null => {
      const above = rows.filter((row) => inLane(row, floor) && row.seq > floor.floor);
      return above.length === 0 ? null : Math.min(...above.map(({ seq }) => seq));
    };
    return [{
      seq: top,
      xid: String(xid),
      xmin: String(snapshot.xmin),
      next_due_at: null,
      known: JSON.stringify(parse<Floor>(known).map((floor) => [floor.pos, lowest(floor)])),
      found: JSON.stringify(heads(rows.filter((row) => parse<Gap>(gaps).some((gap) => inGap(row, gap))))),
    }];
  }

  /** A claim. Sometimes it is given up half-way and done again, as after a conflict. */
  async queryArrays(query: Query, values: Value[] = []): Promise<unknown[][]> {
    await this.#step();
    const snapshot = this.#snapshot();
    await this.#step();
    const xid = this.#begin();
    const taken: Row[] = [];
    for (const floor of parse<Floor>(values[0])) {
      const lane = this.#rows.filter((row) => inLane(row, floor) && row.seq > floor.floor)
        .sort((a, b) => a.seq - b.seq);
      for (const row of lane) {
        if (taken.length === values[1]) break;
        if (!this.#sees(snapshot, row) || !this.#isFree(row)) continue;
        row.takenBy = xid;
        taken.push(row);
        if (this.#random() < 0.3) await this.#step();
      }
    }
    await this.#step();
    const kept = this.#random() < 0.9;
    this.#end(xid, kept);
    await this.#step();
    return kept ? taken.map(answer) : await this.queryArrays(query, values);
  }

  #begin(): number {
    this.#running.add(++this.#xid);
    return this.#xid;
  }

  #end(xid: number, kept: boolean): void {
    this.#running.delete(xid);
    this.#latestEnded = Math.max(this.#latestEnded, xid);
    if (!kept) this.#aborted.add(xid);
  }

  #snapshot(): Snapshot {
    const xmax = this.#latestEnded + 1;
    return { xmin: Math.min(xmax, ...this.#running), xmax, running: new Set(this.#running) };
  }

  #hasCommitted(snapshot: Snapshot, xid: number): boolean {
    return xid < snapshot.xmax && !snapshot.running.has(xid) && !this.#aborted.has(xid);
  }

  #sees(snapshot: Snapshot, { insertedBy, takenBy }: Row): boolean {
    const gone = takenBy !== null && this.#hasCommitted(snapshot, takenBy);
    return this.#hasCommitted(snapshot, insertedBy) && !gone;
  }

  /** Neither locked nor deleted meanwhile. */
  #isFree({ takenBy }: Row): boolean {
    return takenBy === null || this.#aborted.has(takenBy);
  }
}

function parse<T>(value: Value | undefined): T[] {
  return JSON.parse(String(value)) as T[];
}

function inLane(row: Row, floor: Floor): boolean {
  return row.queueId === floor.queue_id && row.rank === floor.rank;
}

function inGap({ queueId, rank }: Row, { q1, r1, q2, r2 }: Gap): boolean {
  const isAfter = queueId > q1 || (queueId === q1 && rank > r1);
  return isAfter && (queueId < q2 || (queueId === q2 && rank < r2));
}

/** The lowest row of each lane. */
function heads(rows: Row[]): number[][] {
  const lowest = new Map<string, Row>();
  for (const row of rows) {
    const key = `${row.queueId} ${row.rank}`;
    if (row.seq < (lowest.get(key)?.seq ?? Infinity)) lowest.set(key, row);
  }
  return [...lowest.values()].map(({ queueId, rank, seq }) => [queueId, rank, seq]);
}

/** The columns of a started job that matter here, where claim.ts has them. */
function answer({ queueId, rank, seq }: Row): unknown[] {
  const row: unknown[] = Array(19).fill(null);
  [row[0], row[1], row[2], row[3], row[18]] = [`job ${seq}`, queueId, "t", -rank, seq];
  return row;
}
