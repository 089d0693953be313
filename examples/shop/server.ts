import { type ErrorCode, type Jobd, type JobDefinition, JobdError } from "@jobd/jobd";
import { z } from "zod";
import type { Mail, Sent } from "./mail.ts";
import { Newsletter } from "./newsletter.ts";
import { NewOrder, type Orders } from "./orders.ts";
import type { Shipped } from "./ship.ts";

/** What the shop is made of. */
export interface Shop {
  jobd: Jobd;
  orders: Orders;
  mail: JobDefinition<Mail, Sent>;
  ship: JobDefinition<{ order: string }, Shipped>;
  newsletter: JobDefinition<Newsletter, { mails: string[] }>;
}

type Answer = (shop: Shop, request: Request, id: string) => Promise<Response>;

const ROUTES: [method: string, path: URLPattern, answer: Answer][] = [
  ["POST", new URLPattern({ pathname: "/orders" }), placeOrder],
  ["GET", new URLPattern({ pathname: "/orders/:id" }), showOrder],
  ["POST", new URLPattern({ pathname: "/orders/:id/ship" }), shipOrder],
  ["POST", new URLPattern({ pathname: "/newsletters" }), publish],
];

/** The HTTP side of the shop, for `Deno.serve`. */
export function shopServer(shop: Shop): (request: Request) => Promise<Response> {
  return async (request) => {
    for (const [method, path, answer] of ROUTES) {
      const match = path.exec(request.url);
      if (match === null || method !== request.method) continue;
      return await answer(shop, request, match.pathname.groups["id"] ?? "").catch(failed);
    }
    return Response.json({ error: "not found" }, { status: 404 });
  };
}

async function placeOrder({ jobd, orders, mail }: Shop, request: Request): Promise<Response> {
  let confirmation = "";
  const order = await orders.place(NewOrder.parse(await request.json()), async ({ id, customer }, within) => {
    const payload = { kind: "confirmation", to: customer, order: id } as const;
    const job = await jobd.enqueue(mail, payload, { priority: "high", tags: [id], ...within });
    confirmation = job.id;
  });
  return Response.json({ id: order.id, confirmation }, { status: 201 });
}

async function showOrder({ jobd, orders }: Shop, _: Request, id: string): Promise<Response> {
  const order = await orders.get(id);
  if (order === undefined) return Response.json({ error: "no such order" }, { status: 404 });
  const jobs = await Array.fromAsync(jobd.jobs.list({ tag: id }));
  return Response.json({ ...order, jobs: jobs.map(({ type, state, error }) => ({ type, state, error })) });
}

async function shipOrder({ jobd, orders, ship }: Shop, _: Request, id: string): Promise<Response> {
  if (await orders.get(id) === undefined) return Response.json({ error: "no such order" }, { status: 404 });
  const job = await jobd.enqueue(ship, { order: id }, { tags: [id] });
  return Response.json({ job: job.id }, { status: 202 });
}

async function publish({ jobd, newsletter }: Shop, request: Request): Promise<Response> {
  const job = await jobd.enqueue(newsletter, Newsletter.parse(await request.json()));
  return Response.json({ job: job.id, outcome: job.outcome }, { status: 202 });
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  conflict: 409,
  store_unavailable: 503,
};

/** An error as HTTP. */
function failed(error: unknown): Response {
  if (error instanceof z.ZodError) return Response.json({ error: z.prettifyError(error) }, { status: 400 });
  if (error instanceof SyntaxError) return Response.json({ error: error.message }, { status: 400 });
  if (!(error instanceof JobdError)) throw error;
  const { code, message } = error;
  return Response.json({ error: message, code }, { status: STATUS[code] ?? 500 });
}
