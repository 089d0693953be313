import type { Limit, LimitName, LimitSettings, LimitTarget } from "../../domain/limit.ts";
import { among, type Dialect } from "./dialect.ts";
import { intOrNull, json, text } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";

const THIS = "namespace = $1 and target = $2 and name = $3 and key = $4";

function columns(d: Dialect): string {
  return `namespace, target, name, key, ${d.text("settings")} as settings, ${
    d.ms("paused_at")
  } as paused_at, source`;
}

function toLimit(row: Row): Limit {
  return {
    namespace: text(row.namespace),
    target: text(row.target) as LimitTarget,
    name: text(row.name),
    key: text(row.key),
    settings: json(row.settings) as LimitSettings,
    pausedAt: intOrNull(row.paused_at),
    source: text(row.source) as Limit["source"],
  };
}

/** {@linkcode Driver.limits}. */
export function* limits(d: Dialect, namespace: string): Script<Limit[]> {
  const rows = yield* run(`select ${columns(d)} from ${d.table("limit_rule")} where namespace = $1`, [
    namespace,
  ]);
  // Sorted here: databases disagree about the order of text.
  const order = ({ target, name, key }: Limit): string => `${target}\n${name}\n${key}`;
  return rows.map(toLimit).sort((a, b) => order(a) < order(b) ? -1 : 1);
}

/** The limits of these queues and types. */
export function* limitsOf(d: Dialect, namespace: string, names: string[]): Script<Limit[]> {
  const rows = yield* run(
    `select ${columns(d)} from ${d.table("limit_rule")} where namespace = $1 and name ${
      among(d, "$2", "text")
    }`,
    [namespace, JSON.stringify(names)],
  );
  return rows.map(toLimit);
}

/** {@linkcode Driver.saveLimit}. */
export function* saveLimit(d: Dialect, limit: Limit, at: number): Script<Limit> {
  const { namespace, target, name, key, settings, pausedAt, source } = limit;
  yield* d.lockLimits("change");
  const rows = yield* run(
    `insert into ${d.table("limit_rule")} (namespace, target, name, key, settings, paused_at, source) ` +
      `values ($1, $2, $3, $4, $5, ${
        d.instant("$6")
      }, $7) on conflict (namespace, target, name, key) do update ` +
      "set settings = excluded.settings, paused_at = excluded.paused_at, source = excluded.source " +
      "where excluded.source = 'operator' or limit_rule.source = 'code' returning name",
    [namespace, target, name, key, JSON.stringify(settings), pausedAt, source],
  );
  if (rows.length > 0) {
    yield* openGates(d, limit, at);
    return limit;
  }
  const [row] = yield* run(`select ${columns(d)} from ${d.table("limit_rule")} where ${THIS}`, [
    namespace,
    target,
    name,
    key,
  ]);
  return row === undefined ? limit : toLimit(row);
}

/** {@linkcode Driver.removeLimit}. */
export function* removeLimit(d: Dialect, limit: LimitName, at: number): Script<boolean> {
  const { namespace, target, name, key } = limit;
  yield* d.lockLimits("change");
  const rows = yield* run(`delete from ${d.table("limit_rule")} where ${THIS} returning name`, [
    namespace,
    target,
    name,
    key,
  ]);
  yield* openGates(d, limit, at);
  return rows.length > 0;
}

/** Those who wait at the gates of a queue or type are tried again. */
function* openGates(d: Dialect, { namespace, target, name }: LimitName, at: number): Script<void> {
  yield* run(
    `update ${d.table("gate")} set open_at = ${
      d.instant("$4")
    } where namespace = $1 and target = $2 and name = $3 ` +
      `and exists (select 1 from ${d.table("parked")} p where p.scope = gate.scope)`,
    [namespace, target, name, at],
  );
}
