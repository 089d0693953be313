import { DatabaseSync } from "node:sqlite";
// @ts-types="@types/pg"
import { Client } from "pg";
import { pass } from "./chance.ts";
import type { Backend } from "./fleet.ts";

/** What the limits of a job depend on. */
export interface Kind {
  queue: string;
  type: string;
  key: string | null;
}

/** A job that the store counts as running at some moment. */
export interface Leased extends Kind {
  job: string;
  attempt: number;
}

/** What one statement saw. */
export interface Sample {
  /** Wall time of this machine before the statement was sent. */
  at: number;
  /** All jobs that count as running. */
  leased: Leased[];
  /** Places taken at gates by live attempts, by the name of the gate. */
  holds: Record<string, number>;
}

/** Time between two looks. */
const PAUSE_MS = 20;

const LEASED = {
  sqlite: "select json_group_array(json_object('job', j.id, 'attempt', j.attempt, 'queue', q.name, 'type', " +
    "j.type, 'key', j.options ->> 'limitKey')) from job j join queue q on q.id = j.queue_id where j.state = 'running'",
  postgres:
    "select coalesce(json_agg(json_build_object('job', j.id, 'attempt', j.attempt, 'queue', q.name, 'type', " +
    "j.type, 'key', j.options ->> 'limitKey')), '[]') from jobd.job j join jobd.queue q on q.id = j.queue_id where j.state = 'running'",
};

function holds(schema: string): string {
  return `select h.scope as scope, count(*) as live from ${schema}hold h join ${schema}job j ` +
    "on j.id = h.job_id and j.attempt = h.attempt where j.state = 'running' group by h.scope";
}

const LOOK = {
  sqlite: `select (${LEASED.sqlite}) as leased, ` +
    `(select json_group_object(scope, live) from (${holds("")})) as holds`,
  postgres: `select (${LEASED.postgres}) as leased, ` +
    `(select coalesce(json_object_agg(scope, live), '{}') from (${holds("jobd.")}) h) as holds`,
};

type Look = () => Promise<Omit<Sample, "at">>;

/** Looks into the store again and again, on a connection of its own and without jobd. Disposing ends it. */
export class LimitWatch implements AsyncDisposable {
  readonly samples: Sample[] = [];
  readonly #look: Look;
  readonly #close: () => Promise<void>;
  readonly #looking: Promise<void>;
  #over = false;

  constructor({ look, close }: { look: Look; close: () => Promise<void> }) {
    this.#look = look;
    this.#close = close;
    this.#looking = this.#repeat();
  }

  /** Begins to look. */
  static async of(backend: Backend, url: string): Promise<LimitWatch> {
    return new LimitWatch(backend === "sqlite" ? openSqlite(url) : await openPostgres(url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    await this.#looking.finally(() => this.#close());
  }

  async #repeat(): Promise<void> {
    while (!this.#over) {
      const at = Date.now();
      this.samples.push({ at, ...await this.#look() });
      await pass(PAUSE_MS);
    }
  }
}

function openSqlite(url: string): { look: Look; close: () => Promise<void> } {
  const database = new DatabaseSync(url.slice("sqlite:".length), { readOnly: true });
  const statement = database.prepare(LOOK.sqlite);
  return {
    look: () => {
      const row = statement.get() as { leased: string; holds: string };
      return Promise.resolve({ leased: JSON.parse(row.leased), holds: JSON.parse(row.holds) });
    },
    close: () => Promise.resolve(database.close()),
  };
}

async function openPostgres(url: string): Promise<{ look: Look; close: () => Promise<void> }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return {
    look: async () => (await client.query<Omit<Sample, "at">>(LOOK.postgres)).rows[0] as Sample,
    close: () => client.end(),
  };
}
