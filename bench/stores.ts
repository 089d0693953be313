import { join } from "node:path";
import { createDatabase, startPostgres } from "../tests/support/postgres_server.ts";

/** A place for fresh stores. */
export interface Place extends AsyncDisposable {
  /** The URL of a store that nobody has used; `dispose` it after the case. */
  fresh(): Promise<{ url: string } & AsyncDisposable>;
}

/** The backends, each with a server or folder of its own. */
export const STORES: Record<string, () => Promise<Place>> = {
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
    const settings = {
      fsync: "on",
      full_page_writes: "on",
      shared_buffers: "'512MB'",
      max_wal_size: "'4GB'",
    };
    const server = await startPostgres({ settings });
    return {
      fresh: () => createDatabase(server),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};
