import { join } from "node:path";
import { createDatabase, startPostgres } from "../tests/support/postgres_server.ts";

/** A place for fresh stores. */
export interface Place extends AsyncDisposable {
  /** The URL of a store that nobody has used; `dispose` it after the case. */
  fresh(): Promise<{ url: string } & AsyncDisposable>;
  /** What its server has logged, if it has a server. */
  log?(): Promise<string>;
}

/** As durable as in production, and no checkpoint in the middle of a case. */
export const POSTGRES_SETTINGS = {
  fsync: "on",
  full_page_writes: "on",
  shared_buffers: "'512MB'",
  max_wal_size: "'4GB'",
  checkpoint_timeout: "'15min'",
};

/** The backends, each with a server or folder of its own. */
export const STORES = {
  sqlite: async () => {
    const folder = await Deno.makeTempDir({ prefix: "jobd-bench-" });
    return {
      fresh: async () => {
        const own = await Deno.makeTempDir({ dir: folder });
        const remove = (): Promise<void> => Deno.remove(own, { recursive: true });
        return { url: `sqlite:${join(own, "jobd.db")}`, [Symbol.asyncDispose]: remove };
      },
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
  postgres: async () => {
    const server = await startPostgres({ settings: POSTGRES_SETTINGS });
    return {
      url: server.url,
      fresh: () => createDatabase(server),
      log: () => Deno.readTextFile(join(server.dataDir, "..", "server.log")),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
} satisfies Record<string, () => Promise<Place>>;
