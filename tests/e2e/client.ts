/**
 * A producer of its own process: enqueues many jobs at once and prints their ids.
 *
 *     deno run tests/e2e/client.ts STORE_URL COUNT
 */
import { Jobd } from "../../src/mod.ts";

const [url = "", count = "0"] = Deno.args;
const jobd = await Jobd.open(url);
const requests = Array.from({ length: Number(count) }, () => jobd.enqueue({ type: "canary", payload: {} }));
const ids = (await Promise.all(requests)).map(({ id }) => `${id}\n`);
await Deno.stdout.write(new TextEncoder().encode(ids.join("")));
await jobd.close();
