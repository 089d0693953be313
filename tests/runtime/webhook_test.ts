import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { signWebhook, verifyWebhook } from "../../src/runtime/webhook.ts";

const OLD = `whsec_${btoa("an old secret of enough bytes")}`;
const NEW = `whsec_${btoa("a new secret of enough bytes.")}`;
const AT = 1_700_000_000_000;
const BODY = '{"paid":true,"name":"Ünïcode"}';
const clock = { now: () => AT };

Deno.test("a signature is that of Standard Webhooks", async () => {
  const signed = await signWebhook({ id: "msg_1", at: AT + 999, body: BODY }, [OLD]);
  const hmac = createHmac("sha256", "an old secret of enough bytes").update(`msg_1.1700000000.${BODY}`);
  assert.deepEqual(signed, {
    "webhook-id": "msg_1",
    "webhook-timestamp": "1700000000",
    "webhook-signature": `v1,${hmac.digest("base64")}`,
  });
});

Deno.test("while a secret changes, both sides may be ahead of the other", async () => {
  const message = { id: "msg_1", at: AT, body: BODY };
  const sides: [string[], string | string[]][] = [
    [[OLD], OLD],
    [[OLD, NEW], NEW],
    [[NEW, OLD], OLD],
    [[NEW], [OLD, NEW]],
  ];
  for (const [sender, secrets] of sides) {
    const headers = new Headers(await signWebhook(message, sender));
    assert.deepEqual(await verifyWebhook({ body: BODY, headers, secrets, clock }), { id: "msg_1", at: AT });
  }
});

Deno.test("what is not signed so is refused", async () => {
  const signed = await signWebhook({ id: "msg_1", at: AT, body: BODY }, [OLD]);
  const wrong: [string, Record<string, string>, string][] = [
    ["another body", signed, `${BODY} `],
    ["another id", { ...signed, "webhook-id": "msg_2" }, BODY],
    ["another time", { ...signed, "webhook-timestamp": "1700000001" }, BODY],
    ["no signature", { ...signed, "webhook-signature": "" }, BODY],
    ["a version that is not known", {
      ...signed,
      "webhook-signature": signed["webhook-signature"].replace("v1", "v2"),
    }, BODY],
    ["no base64", { ...signed, "webhook-signature": "v1,%%%" }, BODY],
    ["half a signature", { ...signed, "webhook-signature": signed["webhook-signature"].slice(0, 20) }, BODY],
    ["no id", { ...signed, "webhook-id": "" }, BODY],
    ["no number for a time", { ...signed, "webhook-timestamp": "now" }, BODY],
    ["nothing", {}, BODY],
  ];
  for (const [what, headers, body] of wrong) {
    await assert.rejects(
      verifyWebhook({ body, headers: new Headers(headers), secrets: OLD, clock }),
      { code: "permission_denied" },
      what,
    );
  }
  await assert.rejects(verifyWebhook({ body: BODY, headers: new Headers(signed), secrets: NEW, clock }), {
    code: "permission_denied",
  });
});

Deno.test("an old message is refused, and one from the future", async () => {
  const headers = new Headers(await signWebhook({ id: "msg_1", at: AT, body: BODY }, [OLD]));
  const verify = (now: number, tolerance?: string) =>
    verifyWebhook({
      body: BODY,
      headers,
      secrets: OLD,
      clock: { now: () => now },
      ...(tolerance === undefined ? {} : { tolerance }),
    });
  await verify(AT + 300_000);
  await verify(AT - 300_000);
  await verify(AT + 600_000, "10m");
  await assert.rejects(verify(AT + 300_001), { code: "permission_denied" });
  await assert.rejects(verify(AT - 300_001), { code: "permission_denied" });
  await assert.rejects(verify(AT + 1_001, "1s"), { code: "permission_denied" });
});

Deno.test("a secret that is none says so without being shown", async () => {
  for (const secret of ["short", "whsec_", `whsec_${btoa("short")}`, "whsec_%%%", btoa("x".repeat(32))]) {
    await assert.rejects(signWebhook({ id: "1", at: AT, body: "" }, [secret]), (error: Error) => {
      assert.match(error.message, /^The secret is not whsec_ and 24 to 64 bytes in base64$/);
      return true;
    });
  }
});
