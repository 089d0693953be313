import { gainedByAge, isBefore, type Standing } from "../../domain/ageing.ts";
import type { Connection } from "./connection.ts";
import type { Cursor, Pick } from "./walk.ts";

/** A lane whose jobs age, as far as a walk has come in it. */
interface AgeingCursor {
  cursor: Cursor;
  /** In which time a job gains a priority, in milliseconds. */
  stepMs: number;
  /** Since when jobs wait, by id: of rows that were read. */
  since: Map<string, number>;
}

/** The next job of lanes that age. */
export interface Oldest {
  cursor: Cursor;
  standing: Standing;
}

/** Lanes whose jobs age. There are few of them, and what stands first changes with time: each is asked each time. */
export class AgeingLanes {
  readonly #connection: Connection;
  #lanes: AgeingCursor[];

  constructor(connection: Connection, lanes: { cursor: Cursor; stepMs: number }[]) {
    this.#connection = connection;
    this.#lanes = lanes.map((lane) => ({ ...lane, since: new Map() }));
  }

  /**
   * The job that counts for most, if there is any.
   *
   * @param read reads on in a lane; false when it may not read any more
   */
  oldest(now: number, read: (cursor: Cursor) => boolean): Oldest | undefined {
    let best: Oldest | undefined;
    let ended = false;
    for (const lane of this.#lanes) {
      const { cursor, stepMs, since } = lane;
      const first = this.#first(lane, read);
      ended ||= isOver(cursor);
      if (first === undefined) continue;
      const gained = gainedByAge({ runAt: since.get(first.jobId) ?? now }, stepMs, now);
      const standing = { rank: cursor.lane.rank - gained, seq: first.seq };
      if (best === undefined || isBefore(standing, best.standing)) best = { cursor, standing };
    }
    if (ended) this.#lanes = this.#lanes.filter(({ cursor }) => !isOver(cursor));
    return best;
  }

  #first({ cursor, since }: AgeingCursor, read: (cursor: Cursor) => boolean): Pick | undefined {
    while (cursor.rows.length === 0 && !isOver(cursor)) {
      if (!read(cursor)) return undefined;
      this.#learn(cursor.rows, since);
    }
    return cursor.rows.at(-1);
  }

  #learn(rows: Pick[], since: Map<string, number>): void {
    since.clear();
    const found = this.#connection.lists(
      "select job.id, job.run_at from json_each($1) wanted cross join job on job.id = wanted.value",
      JSON.stringify(rows.map(({ jobId }) => jobId)),
    );
    for (const [id, runAt] of found) since.set(id as string, runAt as number);
  }
}

function isOver({ rows, upTo, lane }: Cursor): boolean {
  return rows.length === 0 && upTo >= lane.last;
}
