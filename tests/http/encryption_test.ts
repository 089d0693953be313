import assert from "node:assert/strict";
import { Site } from "./site.ts";

const ENCRYPTION = { keys: { k1: new Uint8Array(32).fill(1).toBase64() }, current: "k1" };
const BODY = { type: "pay", payload: { card: "4111" }, encrypt: true };

Deno.test("an encrypted job over HTTP: stored as ciphertext, read with the server's key, in each namespace", async () => {
  await using site = await Site.open({ encryption: ENCRYPTION });
  for (const namespace of ["default", "other"]) {
    const headers = { "jobd-namespace": namespace };
    const made = await site.call("POST", "/api/v1/jobs", { body: BODY, headers });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const read = await site.call("GET", `/api/v1/jobs/${made.body.id}`, { headers });
    assert.equal(read.status, 200, JSON.stringify(read.body));
    assert.deepEqual([read.body.namespace, read.body.payload, read.body.sealed], [
      namespace,
      BODY.payload,
      undefined,
    ]);
    assert.equal(read.body.options.encrypted.key, "k1");
  }
});

Deno.test("a server without the key refuses such a job", async () => {
  await using site = await Site.open();
  const refused = await site.call("POST", "/api/v1/jobs", { body: BODY });
  assert.deepEqual([refused.status, refused.body.code], [409, "key_missing"]);
});
