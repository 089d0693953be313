import { defineJob, type JobDefinition } from "@jobd/jobd";
import { z } from "zod";
import type { Mail, Sent } from "./mail.ts";
import type { Orders } from "./orders.ts";

/** One issue of the newsletter. */
export const Newsletter = z.object({ issue: z.string().min(1), text: z.string().min(1) });
export type Newsletter = z.infer<typeof Newsletter>;

/** The job that makes a mail for everybody. */
export function newsletterJob(
  { orders, mail }: { orders: Orders; mail: JobDefinition<Mail, Sent> },
): JobDefinition<Newsletter, { mails: string[] }> {
  return defineJob({
    type: "newsletter.publish",
    payload: Newsletter,
    // An issue is published once. Who asks again, by a second click for example, gets the job that exists.
    unique: { fields: ["issue"], states: ["unfinished", "completed"] },
    async run({ payload: { issue, text } }, { enqueue }) {
      const mails: string[] = [];
      for (const to of await orders.customers()) {
        // Confirmations of orders overtake these.
        const { id } = await enqueue(mail, { kind: "newsletter", to, issue, text }, { priority: "low" });
        mails.push(id);
      }
      return { mails };
    },
  });
}
