import { JobdError } from "../../domain/errors.ts";
import type { NewJob } from "../../domain/job.ts";
import type { InsertResult } from "../driver.ts";
import { text } from "../sql/row.ts";
import type { Row } from "../sql/script.ts";
import type { Connections, Query, RunQuery } from "./connections.ts";
import { isDuplicate } from "./errors.ts";
import {
  Holders,
  holdersQuery,
  insertFreeQuery,
  type Insertion,
  insertion,
  insertQuery,
  insertValues,
} from "./insert.ts";
import type { Names } from "./names.ts";
import { type Place, places } from "./place.ts";
import type { QueueIds } from "./queue_ids.ts";

/** Rounds until the jobs that are in the way stay long enough to be named. */
const ROUNDS = 10;

/** Results of an insert and what they mean for others. */
export interface Inserted {
  /** One for each job. */
  results: InsertResult[];
  /** Where the available ones wait. */
  places: Place[];
  /** Whether some wait for a time. */
  scheduled: boolean;
}

/** Inserts jobs. */
export class Inserter {
  readonly #connections: Connections;
  readonly #queues: QueueIds;
  readonly #insert: Query;
  readonly #insertFree: Query;
  readonly #holders: Query;

  constructor(connections: Connections, names: Names, queues: QueueIds) {
    this.#connections = connections;
    this.#queues = queues;
    this.#insert = insertQuery(names);
    this.#insertFree = insertFreeQuery(names);
    this.#holders = holdersQuery(names);
  }

  /**
   * {@linkcode Driver.insert}. One statement writes all jobs that nothing is in the way of; that is the whole effect.
   * Then the jobs in the way of the others are named. If one of them ended between the two, its rival is inserted after
   * all, as if it had come a moment later.
   */
  async insert(jobs: NewJob[]): Promise<Inserted> {
    const entries = await this.prepare(jobs);
    if (entries.every(({ lock }) => lock === null)) {
      const done = await this.#all(entries);
      if (done !== null) return done;
    }
    return await this.insertWithin((query, values) => this.#connections.query(query, values), entries);
  }

  /** Finds the queues of jobs, and creates them. */
  async prepare(jobs: NewJob[]): Promise<Insertion[]> {
    const ids = await this.#queues.ofJobs(jobs);
    return jobs.map((job, at) => insertion(job, ids[at] ?? 0));
  }

  /** Without unique keys only a repeated id can be in the way; null then, and nothing was written. */
  async #all(entries: Insertion[]): Promise<Inserted | null> {
    let rows: Row[];
    try {
      rows = await this.#connections.query(this.#insert, insertValues(entries));
    } catch (error) {
      if (isDuplicate(error)) return null;
      throw error;
    }
    const results = entries.map(({ job }) => created(job.id, job.runAt <= job.createdAt));
    return { results, places: places(rows), scheduled: results.some(({ state }) => state === "scheduled") };
  }

  /** {@linkcode insert} of jobs that are prepared, by statements that may be part of a transaction. */
  async insertWithin(run: RunQuery, entries: Insertion[]): Promise<Inserted> {
    const done: Inserted = { results: [], places: [], scheduled: false };
    let open = entries.map((entry, at) => ({ at, entry }));
    for (let round = 0; open.length > 0; round++) {
      if (round >= ROUNDS) {
        throw new JobdError(
          "store_unavailable",
          "Other jobs with the same unique keys come and go too fast",
          {
            hint: "Try again.",
          },
        );
      }
      open = await this.#round(run, open, done);
    }
    return done;
  }

  /** One try; gives what is still open. */
  async #round(run: RunQuery, open: Numbered[], done: Inserted): Promise<Numbered[]> {
    const values = insertValues(withDistinctIds(open.map(({ entry }) => entry)));
    const rows = await run(this.#insertFree, values);
    done.places.push(...places(rows));
    const added = new Map(rows.map((row) => [text(row.id), row]));
    const rest = open.filter(({ at, entry }) => {
      const row = added.get(entry.job.id);
      if (row === undefined) return true;
      // A second job with the same id in this list is not the one that was added.
      added.delete(entry.job.id);
      done.results[at] = created(entry.job.id, row.seq !== null);
      if (row.seq === null) done.scheduled = true;
      return false;
    });
    return rest.length === 0 ? [] : await this.#name(run, rest, done);
  }

  async #name(run: RunQuery, rest: Numbered[], done: Inserted): Promise<Numbered[]> {
    const ids = JSON.stringify(rest.map(({ entry }) => entry.job.id));
    const locks = JSON.stringify(rest.flatMap(({ entry }) => entry.lock ?? []));
    const holders = new Holders(await run(this.#holders, [ids, locks]));
    return rest.filter(({ at, entry }) => {
      const holder = holders.of(entry);
      if (holder === undefined) return true;
      done.results[at] = { ...holder, outcome: "existing" };
      return false;
    });
  }
}

/** Of jobs with the same id the first: the statement writes them in an order of its own. */
function withDistinctIds(entries: Insertion[]): Insertion[] {
  const byId = new Map<string, Insertion>();
  for (const entry of entries) if (!byId.has(entry.job.id)) byId.set(entry.job.id, entry);
  return [...byId.values()];
}

interface Numbered {
  at: number;
  entry: Insertion;
}

function created(id: string, available: boolean): InsertResult {
  return { id, outcome: "created", state: available ? "available" : "scheduled" };
}
