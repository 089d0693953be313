// What types say to a program that uses the package; this is checked, not run.
import { defineJob, Jobd, JobdError, snooze } from "@jobd/jobd";
import type { ErrorCode, Job, JobdEvent, Middleware, RunContext } from "@jobd/jobd";
import { TestJobd } from "@jobd/jobd/testing";

const mail = defineJob<{ to: string }, { sent: number }>({
  type: "mail",
  run: (job, context: RunContext) => context.signal.aborted ? snooze("1m") : { sent: job.payload.to.length },
});
const quiet: Middleware = (_job, _context, next) => next();

// @ts-expect-error a name that the package does not have
export type Unknown = import("@jobd/jobd").NoSuchThing;

export async function sent(store: string): Promise<number> {
  await using jobd = await Jobd.open(store);
  await using worker = jobd.worker({ handlers: [mail], middleware: [quiet], isolate: false });
  await worker.start();
  const job = await jobd.enqueue(mail, { to: "ada@example.com" }, { delay: "1h" });
  // @ts-expect-error a payload that the definition does not know
  await jobd.enqueue(mail, { whom: "ada@example.com" });
  const result = await job.result();
  // @ts-expect-error a result is what the handler gives
  const text: string = result.sent;
  const row: Job = await jobd.jobs.get(job.id);
  for await (const event of jobd.events({ kinds: "job.*" })) heard(event, row, text);
  return result.sent;
}

function heard(event: JobdEvent, { state }: Job, text: string): ErrorCode {
  throw new JobdError("internal", `${event.kind} ${state} ${text}`);
}

export const kit = (): Promise<TestJobd> => TestJobd.open({ handlers: [mail] });
