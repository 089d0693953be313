import assert from "node:assert/strict";
import { TestJobd } from "@jobd/jobd/testing";
import { mailJob } from "./mail.ts";
import { MailServer, type Trouble } from "./mail_server.ts";
import { newsletterJob } from "./newsletter.ts";
import { Orders } from "./orders.ts";
import { shopServer } from "./server.ts";
import { shipJob } from "./ship.ts";

/** A shop on a clock that the test moves; the requests to its mail server run into these troubles, one after the other. */
async function openShop(...troubles: (Trouble | undefined)[]) {
  const stack = new AsyncDisposableStack();
  const mails = stack.use(MailServer.start({ trouble: (request) => troubles[request - 1] }));
  const orders = stack.use(await Orders.open("sqlite::memory:"));
  const mail = mailJob({ orders, server: mails.url });
  const ship = shipJob({ orders, mail });
  const newsletter = newsletterJob({ orders, mail });
  const test = stack.use(await TestJobd.open({ handlers: [mail, ship, newsletter] }));
  const serve = shopServer({ jobd: test.jobd, orders, mail, ship, newsletter });
  const request = async (route: string, body?: unknown) => {
    const [method = "", path] = route.split(" ");
    const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await serve(new Request(`http://shop${path}`, init));
    return { status: response.status, ...await response.json() };
  };
  const order = (customer: string) =>
    request("POST /orders", {
      customer,
      items: [{ name: "Tea", cents: 450 }, { name: "Pot", cents: 2_900 }],
    });
  return {
    test,
    mails,
    orders,
    mail,
    ship,
    request,
    order,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("who orders gets a confirmation", async () => {
  await using shop = await openShop();
  const { status, id } = await shop.order("ada@gmail.com");
  assert.equal(status, 201);
  shop.test.assertEnqueued(shop.mail, {
    payload: { kind: "confirmation", to: "ada@gmail.com" },
    priority: "high",
  });

  await shop.test.drain();
  const [letter] = shop.mails.delivered.values();
  assert.deepEqual(letter, { to: "ada@gmail.com", text: "Thank you! We got your order over 33.50 EUR." });
  const shown = await shop.request(`GET /orders/${id}`);
  assert.deepEqual(shown.jobs, [{ type: "mail.send", state: "completed", error: null }]);
});

Deno.test("what is no order is refused, and leaves no job", async () => {
  await using shop = await openShop();
  const { status, error } = await shop.request("POST /orders", { customer: "ada", items: [] });
  assert.equal(status, 400);
  assert.match(error, /customer/);
  shop.test.refuteEnqueued();
});

Deno.test("nobody gets two confirmations of one order, not even later", async () => {
  await using shop = await openShop();
  const { id, confirmation } = await shop.order("ada@gmail.com");
  const payload = { kind: "confirmation", to: "ada@gmail.com", order: id } as const;
  assert.equal((await shop.test.jobd.enqueue(shop.mail, payload)).outcome, "existing");
  await shop.test.drain();
  await shop.test.clock.advance("7d");
  assert.equal((await shop.test.jobd.enqueue(shop.mail, payload)).id, confirmation);
  await shop.test.drain();
  assert.equal(shop.mails.delivered.size, 1);
});

Deno.test("an order is shipped once, and its customer told", async () => {
  await using shop = await openShop();
  const { id } = await shop.order("ada@gmail.com");
  assert.equal((await shop.request(`POST /orders/${id}/ship`)).status, 202);
  const again = await shop.request(`POST /orders/${id}/ship`);
  assert.deepEqual([again.status, again.code], [409, "conflict"]);
  assert.equal((await shop.request(`POST /orders/${crypto.randomUUID()}/ship`)).status, 404);

  await shop.test.drain();
  const { parcel } = await shop.request(`GET /orders/${id}`);
  assert.match(parcel, /^P-/);
  const texts = [...shop.mails.delivered.values()].map(({ text }) => text);
  assert.equal(texts.filter((text) => text === `Your parcel ${parcel} is on its way.`).length, 1);
});

Deno.test("a mail is tried again with growing delays, and arrives once even if an answer was lost", async () => {
  await using shop = await openShop("unavailable", "answer lost");
  await shop.order("ada@gmail.com");
  const { failed, completed } = await shop.test.drain({ withScheduled: true });
  assert.deepEqual([failed, completed], [2, 1]);
  assert.deepEqual([shop.mails.delivered.size, shop.mails.counts.repeated], [1, 1]);
});

Deno.test("a provider that wants fewer mails gets none for a while; others get theirs", async () => {
  await using shop = await openShop("rate limited");
  for (const customer of ["ada@gmail.com", "bob@gmail.com", "jan@web.de"]) await shop.order(customer);
  await shop.test.drain();
  assert.deepEqual([...shop.mails.delivered.values()].map(({ to }) => to), ["jan@web.de"]);
  await shop.test.clock.advance("1s");
  await shop.test.drain();
  assert.equal(shop.mails.delivered.size, 3);
});

Deno.test("an address that cannot be is given up at once", async () => {
  await using shop = await openShop();
  const { id } = await shop.order("ada@nowhere.invalid");
  assert.equal((await shop.test.drain()).dead, 1);
  const [job] = (await shop.request(`GET /orders/${id}`)).jobs;
  assert.deepEqual([job.state, job.error.message], ["dead", "no such domain"]);
});

Deno.test("a mail server that is away costs no attempts", async () => {
  await using shop = await openShop();
  const { confirmation } = await shop.order("ada@gmail.com");
  await shop.mails[Symbol.asyncDispose]();
  await shop.test.drain();
  const job = await shop.test.jobd.jobs.get(confirmation);
  assert.deepEqual([job.state, job.failures, job.error?.code], ["scheduled", 0, "transient"]);
});

Deno.test("an order that could not be stored is confirmed to nobody", async () => {
  await using shop = await openShop();
  const crash = shop.orders.place({ customer: "ada@gmail.com", items: [] }, async ({ id, customer }) => {
    await shop.test.jobd.enqueue(shop.mail, { kind: "confirmation", to: customer, order: id });
    throw new Error("the power is out");
  });
  await assert.rejects(crash, /power/);
  const { snoozed, dead } = await shop.test.drain({ withScheduled: true });
  assert.deepEqual([snoozed, dead, shop.mails.delivered.size], [60, 1, 0]);
});

Deno.test("an issue of the newsletter goes to every customer once", async () => {
  await using shop = await openShop();
  for (const customer of ["ada@gmail.com", "bob@gmail.com", "ada@gmail.com"]) await shop.order(customer);
  await shop.test.drain();
  shop.test.forgetEnqueued();
  const issue = { issue: "2026-12", text: "Tea is cheap today." };
  assert.equal((await shop.request("POST /newsletters", issue)).outcome, "created");
  assert.equal((await shop.request("POST /newsletters", issue)).outcome, "existing");
  await shop.test.drain({ withScheduled: true });
  shop.test.assertEnqueued(shop.mail, { payload: { kind: "newsletter" }, priority: "low", count: 2 });
  assert.equal(shop.mails.delivered.size, 3 + 2);
});
