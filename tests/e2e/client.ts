/**
 * A producer of its own process: enqueues many jobs, at once or one after the other, and prints their ids.
 *
 *     deno run tests/e2e/client.ts STORE_URL COUNT [one-by-one]
 */
import { Jobd } from "../../src/mod.ts";

const [url = "", count = "0", order] = Deno.args;
const jobd = await Jobd.open(url);
const requests = [];
for (let left = Number(count); left > 0; left--) {
  const request = jobd.enqueue({ type: "canary", payload: {} });
  if (order === "one-by-one") await request;
  requests.push(request);
}
const ids = (await Promise.all(requests)).map(({ id }) => `${id}\n`);
await Deno.stdout.write(new TextEncoder().encode(ids.join("")));
await jobd.close();
