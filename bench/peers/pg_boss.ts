import process from "node:process";
import pg from "pg";
import { type Job, PgBoss, type SendOptions } from "pg-boss";
import { measureIn } from "../harness/process.ts";
import { type OpenSubject, type Payload, until } from "../harness/subject.ts";
import manifest from "./package.json" with { type: "json" };

const QUEUE = "bench";

const open: OpenSubject = async ({ url, options }) => {
  const { workers = 2, batch, perJob = false, notify = false } = options;
  const boss = new PgBoss({
    connectionString: url,
    max: 20,
    schedule: false,
    useListenNotify: Boolean(notify),
  });
  boss.on("error", report);
  await boss.start();
  await boss.createQueue(QUEUE, { notify: Boolean(notify) });
  const looking = new pg.Client({ connectionString: url });
  await looking.connect();
  return {
    about: { name: "pg-boss", version: manifest.dependencies["pg-boss"], settings: options },
    chunk: 2_000,
    enqueue: (payload) => boss.send(QUEUE, payload),
    enqueueMany: (payloads) =>
      boss.insert(QUEUE, payloads.map((data): SendOptions & { data: Payload } => ({ data }))),
    async work(concurrency, handle) {
      const common = {
        batchSize: Number(batch ?? concurrency),
        localConcurrency: Number(workers),
        pollingIntervalSeconds: 0.5,
        burstWhenBatchFull: true,
      };
      const all = (jobs: Job<Payload>[]): Promise<void[]> =>
        Promise.all(jobs.map(({ data }) => handle(data)));
      if (perJob) {
        await boss.work<Payload>(QUEUE, { ...common, perJobResults: true }, async (jobs) => {
          await all(jobs);
          return jobs.map(({ id }) => ({ id, status: "completed" as const }));
        });
      } else {
        await boss.work<Payload>(QUEUE, common, async (jobs) => void await all(jobs));
      }
      return { settled: () => until(nothingLeft) };
    },
  };

  async function nothingLeft(): Promise<boolean> {
    const { rows } = await looking.query(
      "select 1 from pgboss.job where name = $1 and state < 'completed' limit 1",
      [QUEUE],
    );
    return rows.length === 0;
  }
};

function report(error: unknown): void {
  process.stderr.write(`${error}\n`);
}

await measureIn(open);
