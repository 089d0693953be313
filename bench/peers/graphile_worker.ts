import process from "node:process";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { measureIn } from "../harness/process.ts";
import { type OpenSubject, type Payload, until } from "../harness/subject.ts";
import manifest from "./package.json" with { type: "json" };

const TASK = "bench";
const logger = new Logger(() => (level, message) => {
  if (level === "error") process.stderr.write(`${message}\n`);
});

const open: OpenSubject = async ({ url, options }) => {
  const utils = await makeWorkerUtils({ connectionString: url, maxPoolSize: 20, logger });
  await utils.migrate();
  const looking = new pg.Client({ connectionString: url });
  await looking.connect();
  const batching = options.localQueue === undefined ? {} : {
    localQueue: { size: Number(options.localQueue) },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  };
  return {
    about: { name: "graphile-worker", version: manifest.dependencies["graphile-worker"], settings: options },
    chunk: 5_000,
    enqueue: (payload) => utils.addJob(TASK, payload),
    enqueueMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: TASK, payload }))),
    async work(asked, handle) {
      const concurrency = Number(options.concurrency ?? asked);
      await run({
        connectionString: url,
        concurrency,
        maxPoolSize: Math.min(concurrency, 64) + 1,
        noHandleSignals: true,
        logger,
        taskList: { [TASK]: (payload) => handle(payload as Payload) },
        preset: { worker: batching },
      });
      return { settled: () => until(nothingLeft) };
    },
  };

  async function nothingLeft(): Promise<boolean> {
    const { rows } = await looking.query("select 1 from graphile_worker._private_jobs limit 1");
    return rows.length === 0;
  }
};

await measureIn(open);
