/**
 * One server in a process of its own: `server.ts bare` answers with what it gets, `server.ts STORE_URL` is jobd's API on a
 * store. Its first line on stdout says where it is and who may ask. Each line on its stdin is answered with the memory that it
 * takes, in bytes; it ends when there is no more.
 */
import { Hono } from "hono";
import { Jobd } from "../../src/mod.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { system } from "../../src/storage/system.ts";
import { startServer } from "../../src/surfaces/http/server.ts";

const [what = "bare"] = Deno.args;
const { url, secret } = what === "bare" ? bare() : await jobd(what);
await say(JSON.stringify({ url, secret }));
for await (const _ of Deno.stdin.readable) await say(String(Deno.memoryUsage().rss));
Deno.exit(0); // its store is thrown away

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
}

/** The least that a server of this kind can do: read the body, make an id, answer. */
function bare(): { url: string; secret: string } {
  const app = new Hono().post("/api/v1/jobs", async (context) => {
    const { type } = await context.req.json();
    return context.json({ id: crypto.randomUUID(), type, outcome: "created" }, 201);
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  return { url: `http://127.0.0.1:${server.addr.port}`, secret: "none" };
}

async function jobd(store: string): Promise<{ url: string; secret: string }> {
  const jobd = await Jobd.open(store, { migrate: true });
  const { secret } = await jobd.tokens.create("bench", { role: "admin" });
  const place = { host: "127.0.0.1", port: 0, hosts: [], version: "0.0.0" };
  const { url } = startServer({ jobd, ...place, clock: system, log: silentLogger });
  return { url, secret };
}
