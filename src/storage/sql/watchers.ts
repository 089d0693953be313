import type { Interest } from "../../domain/event.ts";
import type { WatcherRow } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { int, json, text } from "./row.ts";
import { run, type Script } from "./script.ts";

/** {@linkcode EventStore.saveWatcher}. */
export function* saveWatcher(d: Dialect, { id, wants, expiresAt }: WatcherRow): Script<void> {
  yield* run(
    `insert into ${d.table("watcher")} (id, wants, expires_at) values ($1, $2, ${d.instant("$3")}) ` +
      "on conflict (id) do update set wants = excluded.wants, expires_at = excluded.expires_at",
    [id, JSON.stringify(wants), expiresAt],
  );
}

/** {@linkcode EventStore.removeWatcher}. */
export function* removeWatcher(d: Dialect, id: string): Script<void> {
  yield* run(`delete from ${d.table("watcher")} where id = $1`, [id]);
}

/** {@linkcode EventStore.watchers}. */
export function* watchers(d: Dialect): Script<WatcherRow[]> {
  const rows = yield* run(
    `select id, ${d.text("wants")} as wants, ${d.ms("expires_at")} as expires_ms ` +
      `from ${d.table("watcher")} order by id`,
  );
  return rows.map((row) => ({
    id: text(row.id),
    wants: json(row.wants) as unknown as Interest[],
    expiresAt: int(row.expires_ms),
  }));
}

/** Removes those that were not renewed: their processes have ended without a goodbye. */
export function* removeExpiredWatchers(d: Dialect, now: number): Script<void> {
  yield* run(`delete from ${d.table("watcher")} where expires_at <= ${d.instant("$1")}`, [now]);
}
