import { join } from "node:path";
import { cachedFolder, exists } from "../../tests/support/cached_folder.ts";
import { librariesOf, unpackDebianPackage } from "../../tests/support/debian_package.ts";
import { leash } from "../../tests/support/process_leash.ts";
import { freePort, listening } from "../../tests/support/server_setup.ts";
import type { Place } from "../stores.ts";

const INSTALLED = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"];

/** What the BullMQ documentation recommends for production: an append-only file, and nothing is ever evicted. */
export const REDIS_SETTINGS: Record<string, string> = {
  appendonly: "yes",
  appendfsync: "everysec",
  save: "",
  "maxmemory-policy": "noeviction",
};

/** Redis: each fresh store is a server of its own on loopback. */
export async function redisPlace(): Promise<Place> {
  const { path, env } = await redisProgram();
  return {
    async fresh() {
      const folder = await Deno.makeTempDir({ prefix: "jobd-bench-redis-" });
      await leash(folder, "pid");
      const port = freePort();
      const settings = {
        ...REDIS_SETTINGS,
        bind: "127.0.0.1",
        port: String(port),
        dir: folder,
        pidfile: join(folder, "pid"),
      };
      const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
      const server = new Deno.Command(path, { args, env, stdin: "null", stdout: "null" }).spawn();
      await listening(port, true);
      return {
        url: `redis://127.0.0.1:${port}`,
        async [Symbol.asyncDispose]() {
          server.kill("SIGKILL");
          await server.status;
          await Deno.remove(folder, { recursive: true });
        },
      };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** What that server is. */
export async function redisVersion(): Promise<string> {
  const { path, env } = await redisProgram();
  const { stdout } = await new Deno.Command(path, { args: ["--version"], env }).output();
  return /v=([\d.]+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? "unknown";
}

/** The Redis of this machine, else the one of Debian or Ubuntu unpacked in a temporary folder; else an error. */
async function redisProgram(): Promise<{ path: string; env: Record<string, string> }> {
  for (const path of INSTALLED) if (await exists(path)) return { path, env: {} };
  const folder = await cachedFolder("redis", (target) => unpackDebianPackage("redis-server", target));
  return {
    path: join(folder, "root", "usr", "bin", "redis-server"),
    env: { LD_LIBRARY_PATH: librariesOf(folder) },
  };
}
