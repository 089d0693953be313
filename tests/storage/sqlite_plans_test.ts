import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Jobd } from "../../src/mod.ts";
import { SqliteFolder } from "./sqlite_folder.ts";

/** Notes the text of every statement that is prepared while it lives. */
class Statements implements Disposable {
  readonly texts = new Set<string>();
  readonly #prepare = DatabaseSync.prototype.prepare;

  constructor() {
    const { texts } = this;
    const prepare = this.#prepare;
    DatabaseSync.prototype.prepare = function (text: string) {
      texts.add(text);
      return prepare.call(this, text);
    };
  }

  [Symbol.dispose](): void {
    DatabaseSync.prototype.prepare = this.#prepare;
  }
}

/** Pruning walks through all jobs in steps of bounded length. */
const WALKS = /j\.state = 'completed' and j\.finished_at <= |limit 1 offset/;

Deno.test("sqlite: nothing that a worker does again and again reads the whole table of jobs", async () => {
  await using folder = new SqliteFolder();
  await folder.openMigrated();
  using statements = new Statements();
  {
    await using jobd = await Jobd.open(`sqlite:${folder.file()}`);
    const ended: Promise<unknown>[] = [];
    const reached = new Set<string>();
    await using worker = jobd.worker({
      leaseMs: 500,
      pollIntervalMs: 20,
      handlers: [{
        type: "test",
        run: async (job, { signal, sleep, waitFor }) => {
          if (job.attempt === 1) throw new Error("not yet");
          await sleep("a moment", 50);
          await waitFor("answer");
          reached.add(job.id);
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        },
      }],
    });
    await worker.start();
    const options = { type: "test", backoff: { base: 1, max: 1 }, ttl: "1h", delay: 1 } as const;
    for (const { id } of await jobd.enqueueMany([options, { ...options, uniqueKey: "k" }])) {
      await jobd.waits.resume({ job: id, name: "answer" });
      while (!reached.has(id)) await new Promise((resolve) => setTimeout(resolve, 20));
      await jobd.jobs.act("cancel", [id]);
      ended.push(jobd.jobs.wait(id));
    }
    await Promise.all(ended);
  }
  const db = new DatabaseSync(folder.file());
  try {
    const plans = [...statements.texts].filter((text) => /^(select|with|update|delete)/.test(text))
      .filter((text) => !WALKS.test(text))
      .map((text) => ({
        text,
        steps: db.prepare(`explain query plan ${text}`).all().map((row) => row["detail"]),
      }));
    assert.ok(plans.some(({ text }) => text.includes("cancel_requested_at is not null")));
    const scans = plans.filter(({ steps }) => steps.some((step) => /^SCAN (job|j)\b/.test(String(step))));
    assert.deepEqual(scans, []);
  } finally {
    db.close();
  }
});
