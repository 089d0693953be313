import { JobdError } from "../../domain/errors.ts";
import type { Role } from "../../domain/role.ts";
import type { Token } from "../../domain/token.ts";
import type { Dialect } from "./dialect.ts";
import { int, intOrNull, json, text, textOrNull } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";

/** {@linkcode TokenStore.addToken}. */
export function* addToken(d: Dialect, token: Token): Script<void> {
  const params = new Params();
  const values = [
    params.add(token.id),
    params.add(token.name),
    params.add(token.hash),
    params.add(token.role),
    params.add(token.namespace),
    params.json(token.queues),
    params.json(token.types),
    d.instant(params.add(token.createdAt)),
    d.instant(params.add(token.expiresAt)),
    d.instant(params.add(token.revokedAt)),
  ];
  const rows = yield* run(
    `insert into ${
      d.table("token")
    } (id, name, hash, role, namespace, queues, types, created_at, expires_at, ` +
      `revoked_at) values (${values.join(", ")}) on conflict do nothing returning id`,
    params.values,
  );
  if (rows.length === 0) throw new JobdError("conflict", `There is a token ${token.id} already`);
}

/** {@linkcode TokenStore.tokenByHash}. */
export function* tokenByHash(d: Dialect, hash: string): Script<Token | undefined> {
  const [row] = yield* run(`${select(d)} where hash = $1`, [hash]);
  return row === undefined ? undefined : tokenOf(row);
}

/** {@linkcode TokenStore.tokens}. */
export function* tokens(d: Dialect): Script<Token[]> {
  return (yield* run(`${select(d)} order by created_at desc, id`)).map(tokenOf);
}

/** {@linkcode TokenStore.revokeToken}. */
export function* revokeToken(d: Dialect, id: string, at: number): Script<boolean> {
  const rows = yield* run(
    `update ${d.table("token")} set revoked_at = coalesce(revoked_at, ${
      d.instant("$2")
    }) where id = $1 returning id`,
    [id, at],
  );
  return rows.length > 0;
}

function select(d: Dialect): string {
  return `select id, name, hash, role, namespace, ${d.text("queues")} as queues, ${
    d.text("types")
  } as types, ` +
    `${d.ms("created_at")} as created_ms, ${d.ms("expires_at")} as expires_ms, ` +
    `${d.ms("revoked_at")} as revoked_ms from ${d.table("token")}`;
}

function tokenOf(row: Row): Token {
  return {
    id: text(row.id),
    name: text(row.name),
    hash: text(row.hash),
    role: text(row.role) as Role,
    namespace: textOrNull(row.namespace),
    queues: json(row.queues) as string[] | null,
    types: json(row.types) as string[] | null,
    createdAt: int(row.created_ms),
    expiresAt: intOrNull(row.expires_ms),
    revokedAt: intOrNull(row.revoked_ms),
  };
}
