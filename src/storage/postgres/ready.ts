import { JobdError } from "../../domain/errors.ts";
import { checkSchema } from "../sql/migrations.ts";
import { int, json, text } from "../sql/row.ts";
import type { Connections } from "./connections.ts";
import { ms } from "./dialect.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Names } from "./names.ts";

/** What the statements need: transaction numbers of 64 bits. */
const OLDEST_VERSION = 130_000;

/** {@linkcode Driver.time}. */
export async function readTime(connections: Connections): Promise<number> {
  const [row] = await connections.query({
    name: "jobd_time",
    text: `select ${ms("clock_timestamp()")} as now`,
  });
  return int(row?.now);
}

/** {@linkcode Driver.ready} in one round trip. */
export async function checkReady(connections: Connections, names: Names, location: string): Promise<number> {
  const [row] = await connections.query({
    name: "jobd_ready",
    text: `select ${ms("clock_timestamp()")} as now, pg_is_in_recovery() as standby,
      current_setting('server_version_num')::integer as version, current_setting('server_version') as version_name,
      (select json_agg(json_build_object('number', number, 'name', name) order by number)
        from ${names.table("migration")}) as applied`,
  });
  checkSchema(MIGRATIONS, json(row?.applied) as { number: number; name: string }[] | null, location);
  if (int(row?.version) < OLDEST_VERSION) {
    throw new JobdError("store_unusable", `PostgreSQL at ${location} is version ${text(row?.version_name)}`, {
      hint: "Use version 13 or newer.",
    });
  }
  if (row?.standby === true) {
    throw new JobdError("store_unavailable", `PostgreSQL at ${location} is a standby and cannot write`, {
      hint: "Name the primary in the database URL; several hosts are allowed.",
    });
  }
  return int(row?.now);
}
