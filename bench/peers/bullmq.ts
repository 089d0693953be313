import process from "node:process";
import { Queue, Worker } from "bullmq";
import { measureIn } from "../harness/process.ts";
import { type OpenSubject, until } from "../harness/subject.ts";
import manifest from "./package.json" with { type: "json" };

const QUEUE = "bench";

const open: OpenSubject = async ({ url, options }) => {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const queue = new Queue(QUEUE, { connection, defaultJobOptions: { removeOnComplete: true } });
  await queue.waitUntilReady();
  return {
    about: { name: "BullMQ", version: manifest.dependencies.bullmq, settings: options },
    chunk: 2_000,
    enqueue: (payload) => queue.add(QUEUE, payload),
    enqueueMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: QUEUE, data }))),
    async work(concurrency, handle) {
      let run = 0;
      let completed = 0;
      const worker = new Worker(QUEUE, ({ data }) => {
        run++;
        return handle(data);
      }, { connection, concurrency });
      worker.on("completed", () => completed++);
      worker.on("error", (error) => process.stderr.write(`${error}\n`));
      await worker.waitUntilReady();
      return { settled: () => until(() => completed === run) };
    },
  };
};

await measureIn(open);
