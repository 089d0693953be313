import { defineJob, discard, type JobDefinition } from "@jobd/jobd";
import { z } from "zod";
import type { Mail, Sent } from "./mail.ts";
import type { Orders } from "./orders.ts";

const Shipment = z.object({ order: z.uuid() });

/** What came of a shipment: the parcel, and the job that tells the customer. */
export interface Shipped {
  parcel: string;
  notice: string;
}

/** The job that ships an order and tells the customer. */
export function shipJob(
  { orders, mail }: { orders: Orders; mail: JobDefinition<Mail, Sent> },
): JobDefinition<z.infer<typeof Shipment>, Shipped> {
  return defineJob({
    type: "order.ship",
    payload: Shipment,
    // Shipping twice is a mistake that somebody should hear of: the second call fails with the code "conflict".
    unique: { key: ({ order }) => order, states: ["unfinished", "completed"], onConflict: "fail" },
    async run({ payload }, { step, enqueue }) {
      const order = await orders.get(payload.order);
      if (order === undefined) return discard("There is no such order");
      // A label costs money: when a later line fails, the next attempt gets the one that is there.
      const parcel = await step("label", () => `P-${crypto.randomUUID().slice(0, 8)}`);
      await orders.shipped(order.id, parcel);
      // Stored together with the end of this attempt: no mail without a shipment, no shipment without a mail.
      const notice = await enqueue(mail, { kind: "shipped", to: order.customer, order: order.id });
      return { parcel, notice: notice.id };
    },
  });
}
