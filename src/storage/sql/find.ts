import type { Job } from "../../domain/job.ts";
import { among, type Dialect } from "./dialect.ts";
import { jobColumns, jobTables, text, toJob } from "./row.ts";
import { run, type Script } from "./script.ts";

/** How many of the newest jobs are looked at for the end of an id. */
const SUFFIX_BOUND = 20_000;

/** {@linkcode Driver.get}. */
export function* get(d: Dialect, ids: string[]): Script<Job[]> {
  if (ids.length === 0) return [];
  const rows = yield* run(
    `select ${jobColumns(d)} from ${jobTables(d)} where j.id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(ids)],
  );
  return rows.map(toJob);
}

/** {@linkcode Driver.find}: first the ids that begin with the text, then those that end with it. */
export function* find(d: Dialect, partialId: string, limit: number): Script<Job[]> {
  const part = partialId.toLowerCase();
  const ids = new Set<string>();
  for (const id of yield* beginning(d, part, limit)) ids.add(id);
  if (ids.size < limit) { for (const id of yield* ending(d, part, limit)) ids.add(id); }
  const jobs = new Map((yield* get(d, [...ids])).map((job) => [job.id, job]));
  return [...ids].flatMap((id) => jobs.get(id) ?? []).slice(0, limit);
}

function* beginning(d: Dialect, part: string, limit: number): Script<string[]> {
  const range = idRange(part);
  if (range === null) return [];
  const rows = yield* run(
    `select id from ${d.table("job")} where id >= ${d.uuid("$1")} and id <= ${d.uuid("$2")} ` +
      "order by id desc limit $3",
    [...range, limit],
  );
  return rows.map((row) => text(row.id));
}

function* ending(d: Dialect, part: string, limit: number): Script<string[]> {
  if (!/^[0-9a-f-]{1,36}$/.test(part)) return [];
  const rows = yield* run(
    `select id from (select id from ${d.table("job")} order by id desc limit ${SUFFIX_BOUND}) recent ` +
      `where ${d.text("id")} like $1 order by id desc limit $2`,
    [`%${part}`, limit],
  );
  return rows.map((row) => text(row.id));
}

/** The lowest and the highest UUID that begin with the text; null when none can. */
function idRange(part: string): [string, string] | null {
  const shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (part.length === 0 || part.length > shape.length) return null;
  for (let at = 0; at < part.length; at++) {
    const wanted = shape[at] === "-" ? "-" : "0123456789abcdef";
    if (!wanted.includes(part[at] ?? "")) return null;
  }
  const rest = shape.slice(part.length);
  return [part + rest.replaceAll("x", "0"), part + rest.replaceAll("x", "f")];
}
