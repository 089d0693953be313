/** The clean stop of the program while its store answers nothing. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { pass } from "./chance.ts";
import type { Backend } from "./fleet.ts";
import { alive, Site } from "./site.ts";

/** In its first attempt it stays, with a child in a session of its own. */
const STAYS = `#!/bin/sh
case "$JOBD_ATTEMPT" in *:1) setsid sleep 983 & echo "it stays"; sleep 984 ;; esac
echo "it ends"
`;
/** Sooner than any statement that waits for a store is given up, and much later than a stop takes. */
const LIMIT_MS = 25_000;

/** A store that can fall silent for one daemon. */
interface Silence extends AsyncDisposable {
  /** Variables of that daemon. */
  env: Record<string, string>;
  begin(): void;
  end(): void;
}

const proxied = (site: Site, begin: (proxy: TcpProxy) => void, end: (proxy: TcpProxy) => void): Silence => {
  const proxy = new TcpProxy(site.url);
  return {
    env: { DATABASE_URL: proxy.through(site.url) },
    begin: () => begin(proxy),
    end: () => end(proxy),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
};

const SILENCES: Record<string, { backend: Backend; of(site: Site): Silence }> = {
  "PostgreSQL swallows all packets": {
    backend: "postgres",
    of: (site) => proxied(site, (proxy) => proxy.stall(), (proxy) => proxy.resume()),
  },
  "PostgreSQL refuses connections": {
    backend: "postgres",
    of: (site) =>
      proxied(site, (proxy) => {
        proxy.refuse();
        proxy.cut();
      }, (proxy) => proxy.refuse(false)),
  },
  "another process holds the lock of the SQLite file": {
    backend: "sqlite",
    of(site) {
      const other = new DatabaseSync(site.url.slice("sqlite:".length), { timeout: 5_000 });
      return {
        env: {},
        begin: () => other.exec("begin immediate"),
        end: () => other.exec("rollback"),
        [Symbol.asyncDispose]: () => Promise.resolve(other.close()),
      };
    },
  },
};

for (const [what, { backend, of }] of Object.entries(SILENCES)) {
  for (const grace of ["1s", "1h"]) {
    const how = grace === "1s" ? "SIGTERM ends the daemon" : "a second SIGTERM ends a long grace";
    Deno.test(`${what}: ${how} and the processes of its job, which runs again elsewhere`, async () => {
      await using site = await Site.of(backend, { config: { commands: { stay: { command: "./stay" } } } });
      await site.program("stay", STAYS);
      await site.ok("jobd migrate");
      await using silence = of(site);
      const daemon = await site.daemon(`jobd worker --shutdown-timeout ${grace}`, silence.env);
      const id = await site.ok(`jobd enqueue exec --payload '{"command":"stay"}'`);
      await site.logs(id, /it stays/);
      assert.ok((await alive(id)).length >= 2);

      silence.begin();
      // Long enough for all loops of the daemon to ask the store for something.
      await pass(3_000);
      const askedAt = performance.now();
      daemon.kill("SIGTERM");
      await daemon.logged("Stopping: running jobs may finish");
      if (grace === "1h") daemon.kill("SIGTERM");
      const code = await daemon.ended();
      const tookMs = performance.now() - askedAt;
      assert.equal(code, 0);
      assert.deepEqual(await alive(id), []);
      assert.ok(tookMs < LIMIT_MS, `it took ${tookMs} ms`);
      const warning = await daemon.logged(
        "The store does not answer: the worker stops without it, and others rescue what it leaves",
      );
      assert.equal(warning.jobs, 1);

      silence.end();
      await site.daemon("jobd worker");
      await site.reaches(id, "completed");
      assert.deepEqual(await alive(id), []);
    });
  }
}
