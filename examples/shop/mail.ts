import {
  coolDown,
  defineJob,
  type Directive,
  discard,
  type JobDefinition,
  snooze,
  transient,
} from "@jobd/jobd";
import { z } from "zod";
import type { Order, Orders } from "./orders.ts";

/** A mail of the shop, as it is stored in its job. */
export const Mail = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("confirmation"), to: z.email(), order: z.uuid() }),
  z.object({ kind: z.literal("shipped"), to: z.email(), order: z.uuid() }),
  z.object({ kind: z.literal("newsletter"), to: z.email(), issue: z.string(), text: z.string() }),
]);
export type Mail = z.infer<typeof Mail>;

/** What the mail server said to a mail that it took. */
export interface Sent {
  messageId: string;
}

/** The job that sends one mail, over the mail server at `server`. */
export function mailJob({ orders, server }: { orders: Orders; server: string }): JobDefinition<Mail, Sent> {
  return defineJob({
    type: "mail.send",
    queue: "mails",
    payload: Mail,
    // Nobody gets the same mail twice, whoever asks for it how often: also not when the first one was sent long ago.
    unique: { key: keyOf, states: ["unfinished", "completed"] },
    // Each mail provider (gmail.com, ...) takes only so much from us at a time, whichever of our machines sends it.
    limit: {
      key: ({ to }) => to.split("@").at(-1),
      concurrency: 2,
      rate: { limit: 50, per: "1s", burst: 5 },
    },
    maxAttempts: 8,
    backoff: { base: "200ms", max: "10m", jitter: "full" },
    timeout: "30s",
    retention: "30d",
    async run({ id, payload: mail, createdAt }, { signal, now, log }) {
      const order = mail.kind === "newsletter" ? undefined : await orders.get(mail.order);
      if (mail.kind !== "newsletter" && order === undefined) {
        // On SQLite the job is there a moment before the order; after a crash in that moment the order never comes.
        if (now() - createdAt < 60_000) return snooze("1s", "The order is not stored yet");
        return discard("The order was never stored");
      }
      log(`${mail.kind} to ${mail.to}\n`);
      const request = fetch(`${server}/messages`, {
        method: "POST",
        // An attempt may send the mail and die before it can say so. The server drops what it has had under this key.
        headers: { "idempotency-key": id, "content-type": "application/json" },
        body: JSON.stringify({ to: mail.to, text: textOf(mail, order) }),
        signal,
      });
      const response = await request.catch((error: Error) => error);
      if (response instanceof Error) {
        return transient(`The mail server cannot be reached: ${response.message}`);
      }
      return await outcomeOf(response);
    },
  });
}

/** What the answer of the mail server means for the job. */
async function outcomeOf(response: Response): Promise<Sent | Directive> {
  const answer = await response.text();
  if (response.ok) return JSON.parse(answer);
  if (response.status === 422) return discard(answer); // no retry makes a bad address a good one
  if (response.status !== 429) throw new Error(`The mail server answers ${response.status}: ${answer}`);
  return coolDown(`${Number(response.headers.get("retry-after") ?? 60)}s`, answer); // for all mails to this provider
}

/** What makes a mail the same as another one. */
function keyOf(mail: Mail): string {
  return `${mail.kind} ${mail.kind === "newsletter" ? mail.issue : mail.order} ${mail.to}`;
}

function textOf(mail: Mail, order: Order | undefined): string {
  if (mail.kind === "newsletter") return mail.text;
  if (mail.kind === "shipped") return `Your parcel ${order?.parcel} is on its way.`;
  const cents = order?.items.reduce((sum, item) => sum + item.cents, 0) ?? 0;
  return `Thank you! We got your order over ${(cents / 100).toFixed(2)} EUR.`;
}
