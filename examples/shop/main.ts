// deno task shop [--demo] [--database-url postgres://...]
import { parseArgs } from "node:util";
import { Jobd } from "@jobd/jobd";
import { demo } from "./demo.ts";
import { mailJob } from "./mail.ts";
import { MailServer, type Trouble } from "./mail_server.ts";
import { newsletterJob } from "./newsletter.ts";
import { Orders } from "./orders.ts";
import { print, printEvent } from "./print.ts";
import { type Shop, shopServer } from "./server.ts";
import { shipJob } from "./ship.ts";

const { values: flags } = parseArgs({
  options: {
    "database-url": { type: "string" },
    port: { type: "string", default: "8000" },
    demo: { type: "boolean", default: false },
  },
});
const url = flags["database-url"] ?? Deno.env.get("DATABASE_URL") ?? "sqlite:shop.db";

/** A mail server with bad days. */
function trouble(request: number): Trouble | undefined {
  if (request % 9 === 4) return "rate limited";
  if (request % 5 === 2) return "unavailable";
  return request % 7 === 6 ? "answer lost" : undefined;
}

await using mails = MailServer.start({ trouble });
await using jobd = await Jobd.open(url, { migrate: true });
await using orders = await Orders.open(url);
await using _events = await jobd.on("job.*", printEvent);

const mail = mailJob({ orders, server: mails.url });
const ship = shipJob({ orders, mail });
const newsletter = newsletterJob({ orders, mail });
const shop: Shop = { jobd, orders, mail, ship, newsletter };

await using worker = jobd.worker({ handlers: [mail, ship, newsletter], concurrency: 10 });
await worker.start();
await using server = Deno.serve(
  { hostname: "127.0.0.1", port: flags.demo ? 0 : Number(flags.port), onListen: () => {} },
  shopServer(shop),
);
const address = `http://127.0.0.1:${server.addr.port}`;
print(`The shop is open at ${address}, on ${jobd.location}`);

if (flags.demo) {
  const summary = await demo(address, shop, mails);
  for (const line of summary) print(line);
} else {
  print(`curl ${address}/orders -d '{"customer":"ada@gmail.com","items":[{"name":"Tea","cents":450}]}'`);
  await told();
}

/** Resolves when somebody asks the program to end. */
async function told(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  await promise;
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, resolve);
}
