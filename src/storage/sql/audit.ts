import { type AuditEntry, DONE, type NewAuditEntry, type Surface } from "../../domain/audit.ts";
import type { Role } from "../../domain/role.ts";
import type { AuditQuery } from "../audit_store.ts";
import type { Page } from "../driver.ts";
import { badCursor, readCursor, writeCursor } from "./cursor.ts";
import type { Dialect } from "./dialect.ts";
import { int, json, text, textOrNull } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";
import { type Source, walk } from "./walk.ts";

/** Entries that one page looks at. */
const PAGE_BOUND = 5_000;

/** {@linkcode AuditStore.addAudit}. */
export function* addAudit(d: Dialect, entry: NewAuditEntry): Script<void> {
  const { input, before, result, error } = entry;
  const params = new Params();
  const values = [
    d.instant(params.add(entry.at)),
    params.add(entry.namespace),
    params.add(entry.operation),
    params.add(entry.outcome),
    params.add(entry.surface),
    params.add(entry.token),
    params.add(entry.name),
    params.add(entry.role),
    params.add(entry.address),
    params.add(entry.requestId),
    params.json({ input, before, result, error }),
  ];
  yield* run(
    `insert into ${
      d.table("audit")
    } (at, namespace, operation, outcome, surface, token, name, role, address, ` +
      `request_id, facts) values (${values.join(", ")})`,
    params.values,
  );
}

/** {@linkcode AuditStore.audit}. */
export function* audit(d: Dialect, query: AuditQuery): Script<Page<AuditEntry>> {
  const { namespace, limit, cursor } = query;
  const start = readCursor(cursor);
  if (start.part > 0) throw badCursor(cursor);
  const params = new Params();
  const source: Source = {
    from: `${d.table("audit")} a`,
    join: "",
    key: [{ name: "a.namespace", type: "text" }, { name: "a.id", type: "number" }],
    order: "desc",
  };
  const { rows, end } = yield* walk(d, source, {
    columns: columns(d),
    filters: conditions(d, query, params),
    params,
    after: start.key ?? [namespace, Number.MAX_SAFE_INTEGER],
    until: [namespace, 0],
    limit,
    bound: PAGE_BOUND,
  });
  const items = rows.map(toEntry);
  return end === null ? { items } : { items, nextCursor: writeCursor({ part: 0, key: end }) };
}

/** {@linkcode AuditStore.pruneAudit}. */
export function* pruneAudit(d: Dialect, before: number, limit: number): Script<number> {
  const rows = yield* run(
    `delete from ${d.table("audit")} where id in (select id from ${d.table("audit")} ` +
      `where at < ${d.instant("$1")} order by at, id limit $2) returning id`,
    [before, limit],
  );
  return rows.length;
}

function conditions(d: Dialect, query: AuditQuery, params: Params): string[] {
  const { namespace, operation, actor, surface, done, requestId, from, to } = query;
  // A cursor of another tenant, made by hand, must not lead there.
  const filters = [`a.namespace = ${params.add(namespace)}`];
  if (operation?.endsWith("*")) {
    const start = operation.slice(0, -1);
    filters.push(`substr(a.operation, 1, ${start.length}) = ${params.add(start)}`);
  } else if (operation !== undefined) filters.push(`a.operation = ${params.add(operation)}`);
  if (actor !== undefined) filters.push(`(a.token = ${params.add(actor)} or a.name = ${params.add(actor)})`);
  if (surface !== undefined) filters.push(`a.surface = ${params.add(surface)}`);
  if (done !== undefined) filters.push(`a.outcome ${done ? "=" : "<>"} '${DONE}'`);
  if (requestId !== undefined) filters.push(`a.request_id = ${params.add(requestId)}`);
  if (from !== undefined) filters.push(`a.at >= ${d.instant(params.add(from))}`);
  if (to !== undefined) filters.push(`a.at < ${d.instant(params.add(to))}`);
  return filters;
}

function columns(d: Dialect): string {
  const plain = ["id", "namespace", "operation", "outcome", "surface", "token", "name", "role", "address"];
  return [
    ...plain.map((name) => `a.${name} as ${name}`),
    "a.request_id as request_id",
    `${d.ms("a.at")} as at_ms`,
    `${d.text("a.facts")} as facts`,
  ].join(", ");
}

function toEntry(row: Row): AuditEntry {
  const { input, before, result, error } = json(row.facts) as unknown as Pick<
    AuditEntry,
    "input" | "before" | "result" | "error"
  >;
  return {
    id: int(row.id),
    at: int(row.at_ms),
    namespace: text(row.namespace),
    operation: text(row.operation),
    outcome: text(row.outcome),
    surface: text(row.surface) as Surface,
    token: textOrNull(row.token),
    name: textOrNull(row.name),
    role: textOrNull(row.role) as Role | null,
    address: textOrNull(row.address),
    requestId: textOrNull(row.request_id),
    input,
    before,
    result,
    error,
  };
}
