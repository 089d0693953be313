import type { PromoteResult } from "../driver.ts";
import { int, intOrNull } from "../sql/row.ts";
import type { Connection } from "./connection.ts";
import { TAKE_SEQS } from "./dialect.ts";

/** When the next scheduled job is due; null when none is scheduled. */
export function nextDueAt(c: Connection): number | null {
  return intOrNull(c.get("select min(run_at) as run_at from scheduled")?.run_at);
}

/** {@linkcode Driver.promote}, inside a transaction. */
export function promoteDue(c: Connection, now: number, limit: number): PromoteResult {
  const due = c.all(
    "delete from scheduled where (run_at, job_id) in (" +
      "select run_at, job_id from scheduled where run_at <= $1 order by run_at, job_id limit $2) " +
      "returning run_at, job_id",
    now,
    limit,
  ) as { run_at: number; job_id: string }[];
  // A DELETE gives its rows in any order.
  due.sort((a, b) => a.run_at - b.run_at || (a.job_id < b.job_id ? -1 : 1));
  let seq = int(c.get(TAKE_SEQS, due.length)?.value) - due.length;
  for (const { job_id } of due) {
    seq += 1;
    const job = c.get(
      "update job set state = 'available', seq = $2 where id = $1 and state = 'scheduled' " +
        "returning queue_id, priority, type",
      job_id,
      seq,
    );
    if (job === undefined) continue;
    c.run(
      "insert into ready (queue_id, rank, seq, job_id, type) values ($1, $2, $3, $4, $5)",
      int(job.queue_id),
      -int(job.priority),
      seq,
      job_id,
      job.type as string,
    );
  }
  return { promoted: due.length, nextDueAt: nextDueAt(c) };
}
