import type { MailServer } from "./mail_server.ts";
import type { Shop } from "./server.ts";

const CUSTOMERS = ["ada@gmail.com", "bob@gmail.com", "eve@gmail.com", "jan@web.de", "mia@web.de"];
const ITEMS = [{ name: "Tea", cents: 450 }, { name: "Pot", cents: 2_900 }];

/** Shops over HTTP, as people do, until every mail has arrived; gives the lines of a summary. */
export async function demo(url: string, { jobd }: Shop, server: MailServer): Promise<string[]> {
  const post = async (path: string, body: unknown = {}): Promise<Record<string, string>> => {
    const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
    return await response.json();
  };
  const resultOf = async <T>(id = ""): Promise<T> => {
    const { type, state, result, error } = await jobd.jobs.wait(id);
    if (state !== "completed") throw new Error(`${type} is ${state}: ${error?.message}`);
    return result as T;
  };

  const orders = await Promise.all(
    CUSTOMERS.map((customer) => post("/orders", { customer, items: ITEMS })),
  );
  const shipments = await Promise.all(orders.slice(0, 2).map(({ id }) => post(`/orders/${id}/ship`)));
  const again = await post(`/orders/${orders[0]?.["id"]}/ship`);
  const issue = { issue: crypto.randomUUID(), text: "Tea is cheap today." };
  const newsletter = await post("/newsletters", issue);
  const twice = await post("/newsletters", issue);

  const shipped = await Promise.all(shipments.map(({ job }) => resultOf<{ notice: string }>(job)));
  const { mails } = await resultOf<{ mails: string[] }>(newsletter["job"]);
  const ids = [
    ...orders.map(({ confirmation = "" }) => confirmation),
    ...shipped.map(({ notice }) => notice),
    ...mails,
  ];
  await Promise.all(ids.map((id) => resultOf(id)));
  const missing = ids.filter((id) => !server.delivered.has(id));
  if (missing.length > 0) throw new Error(`Mails that never arrived: ${missing.join(", ")}`);

  const { counts } = server;
  return [
    `${orders.length} orders, ${shipments.length} shipments, 1 newsletter: ${ids.length} mails delivered, none twice`,
    `shipping an order again: ${again["code"]}; publishing an issue again: ${twice["outcome"]}`,
    `the mail server was away ${counts.unavailable} times, said "not so fast" ${
      counts["rate limited"]
    } times, ` +
    `and lost ${counts["answer lost"]} answers, after which it was sent ${counts.repeated} mails again`,
  ];
}
