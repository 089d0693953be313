import assert from "node:assert/strict";
import { Daemon, ProgramFolder } from "./program.ts";

Deno.test("jobs of type http send what the config file allows, and nothing else", async () => {
  await using folder = await ProgramFolder.create();
  const got: { body: unknown; headers: Headers }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    got.push({ body: await request.json(), headers: request.headers });
    return Response.json({ thanks: true });
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const secret = `whsec_${btoa("a secret of enough bytes for all")}`;
  await folder.write(
    "jobd.json",
    JSON.stringify({
      http: {
        targets: { shop: { url, secrets: ["env:SHOP_SECRET"] }, inside: { url: "http://localhost:1/" } },
        allowPrivate: ["127.0.0.1/32"],
      },
    }),
  );
  const env = { SHOP_SECRET: secret };
  const daemon = new Daemon(folder.command(["start"], { env }).spawn());
  await daemon.logged("jobd started");
  const send = async (payload: unknown) =>
    await folder.run(["enqueue", "http", "--payload", JSON.stringify(payload), "--wait", "--json"]);
  const sent = await send({ target: "shop", body: { order: 1 } });
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual(got.map(({ body }) => body), [{ order: 1 }]);
  assert.match(got[0]?.headers.get("webhook-signature") ?? "", /^v1,/);
  assert.equal((await send({ url, body: {} })).code, 1, "no host is allowed");
  const unknown = await send({ target: "other" });
  assert.match(unknown.stdout + unknown.stderr, /Unknown target .*shop, inside/);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
  await server.shutdown();
});
