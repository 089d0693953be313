// jobd worker --handlers 'examples/handlers/*.ts'
// jobd enqueue mail.send --payload '{"to":"ada@example.com","subject":"Hello"}' --wait
import { defineJob } from "@jobd/jobd";
import { z } from "zod"; // any Standard Schema validator

/** Trusted code: it runs in the worker's own process. */
export const sendMail = defineJob({
  type: "mail.send",
  payload: z.object({ to: z.email(), subject: z.string() }),
  maxAttempts: 3,
  timeout: "1m",
  run: async ({ payload }, { log, step }) => {
    const messageId = await step("send", () => `${payload.subject.length}@example.com`); // not again after a retry
    log(`Sent to ${payload.to}\n`);
    return { messageId };
  },
});
