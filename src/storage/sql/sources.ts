import { invalid } from "../../domain/errors.ts";
import type { JobState } from "../../domain/states.ts";
import { isUuid } from "../../domain/uuid.ts";
import type { Dialect } from "./dialect.ts";
import type { Source } from "./walk.ts";

/** The walk that finds jobs of a state in its natural order. */
export function stateSource(d: Dialect, state: JobState): Source {
  switch (state) {
    case "available":
      return dispatchSource(d, "ready", ["queue_id", "rank", "seq"]);
    case "scheduled":
      return {
        ...dispatchSource(d, "scheduled", []),
        key: [{ name: "s.run_at", type: "instant" }, { name: "s.job_id", type: "uuid" }],
      };
    case "running":
      return {
        from: `${d.table("lease")} l cross join ${d.leaseJobs("l", "e")} ` +
          `join ${d.table("job")} j on j.id = e.value`,
        join: queueJoin(d),
        key: [{ name: "l.id", type: "number" }, { name: "j.id", type: "uuid" }],
        order: "asc",
        where: "j.state = 'running' and j.lease_id = l.id",
      };
    case "dead":
    case "cancelled":
    case "expired":
      return rareSource(d, state, "desc");
    case "completed":
      return newestJobs(d);
    case "blocked":
      return {
        ...dispatchSource(d, "parked", []),
        key: [
          { name: "s.scope", type: "text" },
          { name: "s.rank", type: "number" },
          { name: "s.turn", type: "number" },
          { name: "s.job_id", type: "uuid" },
        ],
      };
  }
}

/** All jobs, newest first. */
export function newestJobs(d: Dialect): Source {
  return {
    from: `${d.table("job")} j`,
    join: queueJoin(d),
    key: [{ name: "j.id", type: "uuid" }],
    order: "desc",
  };
}

/** The jobs of a batch, oldest first. */
export function memberSource(d: Dialect, batch: string): Source {
  if (!isUuid(batch)) throw invalid("batch", batch, "the id of a batch");
  return {
    from: `${d.table("job")} j`,
    join: queueJoin(d),
    key: [{ name: "j.id", type: "uuid" }],
    order: "asc",
    // The id is checked: a walk has no parameters of its own.
    where: `j.batch_id = ${d.uuid(`'${batch}'`)}`,
  };
}

/** Jobs of a rare final state by their end. */
export function rareSource(
  d: Dialect,
  state: "dead" | "cancelled" | "expired",
  order: "asc" | "desc",
): Source {
  return {
    from: `${d.table("job")} j`,
    join: queueJoin(d),
    key: [{ name: `j.${state}_at`, type: "instant" }, { name: "j.id", type: "uuid" }],
    order,
    where: `j.${state}_at is not null`,
  };
}

function dispatchSource(d: Dialect, table: "ready" | "scheduled" | "parked", columns: string[]): Source {
  return {
    from: `${d.table(table)} s`,
    join: `join ${d.table("job")} j on j.id = s.job_id ${queueJoin(d)}`,
    key: columns.map((name) => ({ name: `s.${name}`, type: "number" })),
    order: "asc",
  };
}

function queueJoin(d: Dialect): string {
  return `join ${d.table("queue")} q on q.id = j.queue_id`;
}
