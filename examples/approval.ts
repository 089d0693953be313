// deno-lint-ignore-file no-console
// A refund that a person must approve. While it waits nothing of it runs, and no worker has a place less. Run it with
//
//     deno run examples/approval.ts
//
// It prints
//
//     mail to the boss: refund 700 for order 4711?
//     the job is blocked, waiting for approval
//     the boss says yes
//     refunded 700
//     told the accountants
//     mail to the boss: refund 9 for order 4712?
//     nobody has answered for order 4712: it is dead (timed_out)
import { defineJob, Jobd } from "@jobd/jobd";

const links: string[] = [];

const refund = defineJob<{ order: number; amount: number; patience: string }, string>({
  type: "refund",
  async run({ payload: { order, amount, patience } }, { step, sleep, waitFor, waitToken }) {
    const { token } = await waitToken("approval"); // whoever has it may answer, such as by a link
    await step("ask", () => {
      console.log(`mail to the boss: refund ${amount} for order ${order}?`);
      links.push(`https://shop.example.com/approve?token=${token}`);
    });
    // Ends the attempt. When there is an answer the handler runs again; what is in steps is not done again.
    const { approved } = await waitFor<{ approved: boolean }>("approval", { timeout: patience });
    if (!approved) return "refused";
    await step("pay", () => console.log(`refunded ${amount}`));
    await sleep("until the books are closed", "20ms");
    return await step("tell", () => {
      console.log("told the accountants");
      return "refunded";
    });
  },
});

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({ handlers: [refund] });
await worker.start();

const parked = jobd.events({ kinds: ["job.parked"] });
await parked.ready;
const job = await jobd.enqueue(refund, { order: 4711, amount: 700, patience: "3d" });
for await (const { jobId, state } of parked) {
  console.log(`the job is ${state}, waiting for ${(await jobd.jobs.get(jobId)).waitingFor}`);
  break;
}

// What the server behind the link does; here it is the same program.
console.log("the boss says yes");
const token = new URL(links[0] ?? "").searchParams.get("token") ?? "";
await jobd.waits.resume(token, { approved: true }, { key: "click-1" });
await job.result({ timeout: "30s" });

const late = await jobd.enqueue(refund, { order: 4712, amount: 9, patience: "10ms" });
const { state, error } = await jobd.jobs.wait(late.id);
console.log(`nobody has answered for order 4712: it is ${state} (${error?.code})`);
