import { JobdError } from "../../domain/errors.ts";
import type { AbsentWorkers } from "../driver.ts";
import { text } from "../sql/row.ts";
import type { Connections, Query } from "./connections.ts";
import { instant } from "./dialect.ts";
import type { Names } from "./names.ts";

/**
 * Renews leases of a worker. `$1`: the worker; `$2`: their new end; `$3`: which ones, null for all. Locks them in the order
 * in which settle does.
 */
export function extendQuery({ table }: Names): Query {
  return {
    name: "jobd_extend",
    text: `
with mine as materialized (
  select id from ${table("lease")} where worker = $1
    and ($3::json is null or id = any(array(select value::bigint from json_array_elements_text($3::json))))
  order by id for update
)
update ${table("lease")} set expires_at = ${
      instant("$2")
    } where id = any(array(select id from mine)) returning id`,
  };
}

/** The SQL expression of a worker's liveness lock; `worker` is an expression too. */
export function workerLock({ schema }: Names, worker: string): string {
  return `hashtextextended('jobd:${schema}:worker:' || ${worker}, 0)`;
}

/** Finds {@linkcode AbsentWorkers}. */
export class Absence {
  readonly #connections: Connections;
  readonly #names: Names;
  /** Whether this role may read the identifier of the server's data. */
  #identified = true;

  constructor(connections: Connections, names: Names) {
    this.#connections = connections;
    this.#names = names;
  }

  /** Tries the locks of all workers that hold leases; they are free again when the statement ends. */
  async find(): Promise<AbsentWorkers> {
    try {
      return await this.#find();
    } catch (error) {
      if (!this.#identified || !(error instanceof JobdError) || error.code !== "permission_denied") {
        throw error;
      }
      this.#identified = false;
      return await this.#find();
    }
  }

  async #find(): Promise<AbsentWorkers> {
    const identifier = this.#identified ? "(select system_identifier from pg_control_system())::text" : "''";
    const [row] = await this.#connections.query({
      text: `
with holder as materialized (
  select distinct worker from ${this.#names.table("lease")}
)
select pg_postmaster_start_time()::text || ' ' || ${identifier} as epoch,
  (select json_agg(worker order by worker) from holder
    where pg_try_advisory_xact_lock(${workerLock(this.#names, "worker")})) as workers,
  not exists (select 1 from holder) as no_leases`,
    });
    return {
      epoch: text(row?.epoch),
      workers: JSON.parse((row?.workers as string | null) ?? "[]") as string[],
      noLeases: row?.no_leases === true,
    };
  }
}
