import { batchKeptUntil } from "../../domain/batch.ts";
import type { PruneRequest } from "../driver.ts";
import { batchColumns, toBatch } from "./batch_rows.ts";
import { among, type Dialect } from "./dialect.ts";
import { Params, run, type Script } from "./script.ts";
import { type Key, type Source, walk } from "./walk.ts";

/** Removes batches whose time has passed and that have no jobs any more; gives where to go on, null at the end. */
export function* pruneBatches(
  d: Dialect,
  { now, retention, limit }: PruneRequest,
  after: Key | null,
): Script<Key | null> {
  const source: Source = {
    from: `${d.table("batch")} b`,
    join: "",
    key: [{ name: "b.finished_at", type: "instant" }, { name: "b.id", type: "uuid" }],
    order: "asc",
    where: "b.finished_at is not null",
  };
  const params = new Params();
  const filters = [
    `b.finished_at <= ${d.instant(params.add(now))}`,
    `not exists (select 1 from ${d.table("job")} j where j.batch_id = b.id)`,
  ];
  const { rows, end } = yield* walk(d, source, {
    columns: batchColumns(d),
    filters,
    params,
    after,
    limit,
    bound: limit,
  });
  const old = rows.map(toBatch).filter((batch) => batchKeptUntil(batch, retention) <= now);
  if (old.length > 0) {
    // A member that was added meanwhile has opened the batch: only one that is still ended may go.
    yield* run(
      `delete from ${d.table("batch")} where id ${among(d, "$1", "uuid")} and finished_at is not null ` +
        `and not exists (select 1 from ${d.table("job")} j where j.batch_id = ${d.table("batch")}.id)`,
      [JSON.stringify(old.map(({ id }) => id))],
    );
  }
  return end;
}
