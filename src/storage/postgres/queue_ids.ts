import type { NewJob } from "../../domain/job.ts";
import type { QueueName } from "../driver.ts";
import { int, text } from "../sql/row.ts";
import type { Connections, Query } from "./connections.ts";
import { instant } from "./dialect.ts";
import type { Names } from "./names.ts";

/** Rounds until a queue that others create at the same moment is seen. */
const ROUNDS = 10;

/** Ids of queues; they never change, not even when a queue is removed, so what was read once stays true. */
export class QueueIds {
  readonly #connections: Connections;
  readonly #create: Query;
  readonly #read: Query;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, QueueName>();

  constructor(connections: Connections, names: Names) {
    this.#connections = connections;
    this.#create = createQuery(names);
    this.#read = {
      name: "jobd_queue_names",
      text: `select id, namespace, name from ${names.table("queue")}`,
    };
  }

  /** The ids of the jobs' queues, in order; unknown queues are created. */
  async ofJobs(jobs: NewJob[]): Promise<number[]> {
    for (let round = 0;; round++) {
      const missing = new Map<string, NewJob>();
      for (const job of jobs) {
        const key = keyOf(job.namespace, job.queue);
        if (!this.#ids.has(key) && !missing.has(key)) missing.set(key, job);
      }
      if (missing.size === 0) return jobs.map((job) => this.#ids.get(keyOf(job.namespace, job.queue)) ?? 0);
      if (round >= ROUNDS) throw new Error("a queue that exists is never seen");
      await this.#resolve([...missing.values()]);
    }
  }

  /** The id of a queue, if it is known. */
  idOf(namespace: string, name: string): number | undefined {
    return this.#ids.get(keyOf(namespace, name));
  }

  /** The name of a queue, if it is known. */
  nameOf(id: number): QueueName | undefined {
    return this.#names.get(id);
  }

  /** Makes sure that the names of these queues are known. */
  async learn(ids: number[]): Promise<void> {
    if (ids.every((id) => this.#names.has(id))) return;
    this.#keep(await this.#connections.query(this.#read));
  }

  async #resolve(jobs: NewJob[]): Promise<void> {
    const rows = jobs.map((job) => ({
      namespace: job.namespace,
      name: job.queue,
      created_at: job.createdAt,
    }));
    rows.sort((a, b) => keyOf(a.namespace, a.name) < keyOf(b.namespace, b.name) ? -1 : 1);
    this.#keep(await this.#connections.query(this.#create, [JSON.stringify(rows)]));
  }

  #keep(rows: Record<string, unknown>[]): void {
    for (const row of rows) {
      const queue = { namespace: text(row.namespace), name: text(row.name) };
      this.#ids.set(keyOf(queue.namespace, queue.name), int(row.id));
      this.#names.set(int(row.id), queue);
    }
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}\n${name}`;
}

/** Reads queues and creates those that are missing; only these take an id. */
function createQuery({ table }: Names): Query {
  return {
    name: "jobd_queue_ids",
    text: `
with wanted as materialized (
  select * from json_to_recordset($1::json) as w(namespace text, name text, created_at float8)
), known as materialized (
  select q.id, q.namespace, q.name from wanted w join ${
      table("queue")
    } q on q.namespace = w.namespace and q.name = w.name
), made as (
  insert into ${table("queue")} (namespace, name, created_at)
  select namespace, name, ${instant("created_at")} from wanted w
  where not exists (select 1 from known k where k.namespace = w.namespace and k.name = w.name)
  on conflict do nothing
  returning id, namespace, name
)
select id, namespace, name from known union all select id, namespace, name from made`,
  };
}
