import process from "node:process";
import Database from "better-sqlite3";
import { better, defineQueue, defineWorker } from "plainjob";
import { measureIn } from "../harness/process.ts";
import { type OpenSubject, until } from "../harness/subject.ts";
import manifest from "./package.json" with { type: "json" };

const TYPE = "bench";
const nothing = (): void => {};
const logger = {
  error: (message: string): void => void process.stderr.write(`${message}\n`),
  warn: nothing,
  info: nothing,
  debug: nothing,
};

const open: OpenSubject = ({ url, options }) => {
  const { full = false, workers = 1, pollMs = 10 } = options;
  const database = new Database(url.slice("sqlite:".length));
  const queue = defineQueue({ connection: better(database), logger });
  if (full) database.pragma("synchronous = FULL"); // the queue itself has set NORMAL
  return Promise.resolve({
    about: { name: "plainjob", version: manifest.dependencies.plainjob, settings: options },
    chunk: 20_000,
    enqueue: (payload) => Promise.resolve(queue.add(TYPE, payload)),
    enqueueMany: (payloads) => Promise.resolve(queue.addMany(TYPE, payloads)),
    work(_concurrency, handle) {
      let run = 0;
      let completed = 0;
      for (let count = 0; count < Number(workers); count++) {
        const worker = defineWorker(TYPE, (job) => {
          run++;
          return handle(JSON.parse(job.data));
        }, { queue, logger, pollIntervall: Number(pollMs), onCompleted: () => completed++ });
        void worker.start();
      }
      return Promise.resolve({ settled: () => until(() => completed === run) });
    },
  });
};

await measureIn(open);
