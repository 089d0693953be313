import type { Amendment } from "../../domain/amendment.ts";
import { joinsBatch } from "../../domain/batch.ts";
import type { NewJob } from "../../domain/job.ts";
import { comesAfter } from "../../domain/dependency.ts";
import { isContested } from "../../domain/unique.ts";
import type { InsertResult } from "../driver.ts";
import { bindJobs } from "../sql/bind_jobs.ts";
import { insertContested, tooFast } from "../sql/contest.ts";
import { gatheredOf, isGathered } from "../sql/join_groups.ts";
import type { Contender } from "../sql/contest_pass.ts";
import type { Dialect } from "../sql/dialect.ts";
import { lockBatches, lockJoined } from "../sql/join_batches.ts";
import { text } from "../sql/row.ts";
import { type Row, run as runStatement, type SqlValue } from "../sql/script.ts";
import { refuseTwins } from "../twins.ts";
import type { Connections, Query, RunQuery } from "./connections.ts";
import { postgresDialect } from "./dialect.ts";
import { isDuplicate } from "./errors.ts";
import {
  Holders,
  holdersQuery,
  insertFreeQuery,
  type Insertion,
  insertion,
  insertQuery,
  insertValues,
  turnQuery,
} from "./insert.ts";
import type { Names } from "./names.ts";
import { type Place, places } from "./place.ts";
import type { QueueIds } from "./queue_ids.ts";
import { drive } from "./scripts.ts";

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
  /** Changes to jobs that were there. */
  amendments: Amendment[];
  /** Whether some of them have ended already, for which others may wait. */
  ended?: boolean;
}

/** Inserts jobs. */
export class Inserter {
  readonly #connections: Connections;
  readonly #queues: QueueIds;
  readonly #insert: Query;
  readonly #insertFree: Query;
  readonly #holders: Query;
  readonly #turn: Query;
  readonly #dialect: Dialect;

  constructor(connections: Connections, names: Names, queues: QueueIds) {
    this.#connections = connections;
    this.#queues = queues;
    this.#insert = insertQuery(names);
    this.#insertFree = insertFreeQuery(names);
    this.#holders = holdersQuery(names);
    this.#turn = turnQuery(names);
    this.#dialect = postgresDialect(names);
  }

  /**
   * {@linkcode Driver.insert}. One statement writes all jobs that nothing is in the way of; that is the whole effect.
   * Then the jobs in the way of the others are named. If one of them ended between the two, its rival is inserted after
   * all, as if it had come a moment later. What asks for more than an answer is written in one transaction.
   */
  async insert(jobs: NewJob[]): Promise<Inserted> {
    refuseTwins(jobs);
    const entries = await this.prepare(jobs);
    const others = (job: NewJob): boolean => comesAfter(job) || joinsBatch(job) || isGathered(job);
    if (entries.every(({ job, lock }) => lock === null && !others(job))) {
      const done = await this.#all(entries);
      if (done !== null) return done;
    }
    if (jobs.some(others)) {
      return await this.#connections.transaction((run) => this.insertWithin(run, entries));
    }
    if (jobs.some(isContested)) return await this.#inTransaction(numbered(entries), nothing());
    const done = nothing();
    const contested = await this.#free(
      (query, values) => this.#connections.query(query, values),
      numbered(entries),
      done,
    );
    return contested.length === 0 ? done : await this.#inTransaction(contested, done);
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
    const scheduled = results.some(({ state }) => state === "scheduled");
    return { ...nothing(), results, places: places(rows), scheduled };
  }

  /** {@linkcode insert} of jobs that are prepared, by statements that are part of a transaction. */
  async insertWithin(run: RunQuery, entries: Insertion[]): Promise<Inserted> {
    const jobs = entries.map(({ job }) => job);
    refuseTwins(jobs);
    const joined = await drive(run, lockJoined(this.#dialect, jobs));
    const done = nothing();
    const contested = jobs.some(isContested)
      ? numbered(entries)
      : await this.#free(run, numbered(entries), done);
    const inserted = contested.length === 0 ? done : await this.#contest(run, contested, done);
    const { results } = inserted;
    const bound = await drive(run, bindJobs(this.#dialect, jobs, { joined, results }));
    // The time of a group is one for which somebody waits.
    const scheduled = inserted.scheduled || gatheredOf(jobs, bound).length > 0;
    return {
      ...inserted,
      results: bound,
      scheduled,
      ended: bound.some(({ state }) => state === "cancelled"),
    };
  }

  /** Locks the batches that jobs will join, before anything else is locked; see {@linkcode lockJoined}. */
  async lockBatches(run: RunQuery, entries: Insertion[]): Promise<void> {
    const ids = entries.flatMap(({ job }) => job.options.batch ?? []);
    if (ids.length > 0) await drive(run, lockBatches(this.#dialect, [...new Set(ids)]));
  }

  /** Inserts what can be decided without a change to other jobs; gives the rest. */
  async #free(run: RunQuery, entries: Numbered[], done: Inserted): Promise<Numbered[]> {
    const contested: Numbered[] = [];
    let open = entries;
    for (let round = 0; open.length > 0; round++) {
      if (round >= ROUNDS) throw tooFast();
      open = await this.#round(run, open, { done, contested });
    }
    return contested;
  }

  #inTransaction(entries: Numbered[], done: Inserted): Promise<Inserted> {
    return this.#connections.transaction((run) => this.#contest(run, entries, done));
  }

  /** Inserts jobs whose keys may be held; callers that want the same keys wait for each other. */
  async #contest(run: RunQuery, entries: Numbered[], before: Inserted): Promise<Inserted> {
    const done = { ...before, results: [...before.results], places: [...before.places] };
    await run(this.#turn, [JSON.stringify(entries.flatMap(({ entry }) => entry.lock ?? []))]);
    const byPlace = new Map(entries.map(({ at, entry }) => [at, entry]));
    const free = (contenders: Contender[]): Insertion[] =>
      contenders.map(({ at, job }) => insertion(job, byPlace.get(at)?.queueId ?? 0));
    const insertFree = this.#insertFree.text;
    const { results, amendments } = await drive(
      run,
      insertContested(
        this.#dialect,
        entries.map(({ at, entry }) => ({ at, job: entry.job })),
        function* (given) {
          if (given.length === 0) return new Map();
          const rows = yield* runStatement(insertFree, insertValues(free(given)) as SqlValue[]);
          done.places.push(...places(rows));
          const added = new Map(rows.map((row) => [text(row.id), row.seq !== null]));
          return new Map(given.flatMap(({ at, job }) => {
            const available = added.get(job.id);
            return available === undefined ? [] : [[at, created(job.id, available)] as const];
          }));
        },
      ),
    );
    for (const [at, result] of results) done.results[at] = result;
    const scheduled = [...results.values()].some(({ outcome, state }) =>
      outcome !== "existing" && state === "scheduled"
    );
    return { ...done, scheduled: done.scheduled || scheduled, amendments };
  }

  /** One try; gives what is still open. */
  async #round(run: RunQuery, open: Numbered[], into: Collected): Promise<Numbered[]> {
    const { done } = into;
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
    return rest.length === 0 ? [] : await this.#name(run, rest, into);
  }

  async #name(run: RunQuery, rest: Numbered[], { done, contested }: Collected): Promise<Numbered[]> {
    const ids = JSON.stringify(rest.map(({ entry }) => entry.job.id));
    const locks = JSON.stringify(rest.flatMap(({ entry }) => entry.lock ?? []));
    const holders = new Holders(await run(this.#holders, [ids, locks]));
    return rest.filter((each) => {
      const holder = holders.of(each.entry);
      if (holder === undefined) return true;
      if (holder.holds) done.results[each.at] = { id: holder.id, outcome: "existing", state: holder.state };
      else contested.push(each);
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

/** What rounds come to. */
interface Collected {
  done: Inserted;
  /** Those whose key is held by a job without a right to it. */
  contested: Numbered[];
}

interface Numbered {
  at: number;
  entry: Insertion;
}

function numbered(entries: Insertion[]): Numbered[] {
  return entries.map((entry, at) => ({ at, entry }));
}

function nothing(): Inserted {
  return { results: [], places: [], scheduled: false, amendments: [] };
}

function created(id: string, available: boolean): InsertResult {
  return { id, outcome: "created", state: available ? "available" : "scheduled" };
}
