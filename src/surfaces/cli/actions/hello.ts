import type { Handler } from "../../../runtime/handler.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Logger } from "../../../runtime/logger.ts";

/** Runs the job of `jobd start --hello`: it needs no program besides jobd. */
export const helloHandler: Handler = {
  type: "hello",
  outOfProcess: true,
  run(job, { log }) {
    log(`Hello from job ${job.id}, attempt ${job.attempt}\n`);
    return Promise.resolve({ hello: "world" });
  },
};

/** Enqueues the job, and says how it goes. */
export async function sayHello(jobd: Jobd, log: Logger): Promise<void> {
  const { id } = await jobd.enqueue({ type: helloHandler.type, retention: "1h" });
  log.info("A first job is enqueued", { job: id, type: helloHandler.type });
  const job = await jobd.jobs.wait(id);
  const tookMs = (job.finishedAt ?? 0) - job.createdAt;
  log.info(`The first job is ${job.state}`, {
    job: id,
    result: job.result,
    tookMs,
    see: `jobd job show ${id}`,
  });
}
