import assert from "node:assert/strict";
import { defineJob, fail, type Handlers, Jobd, JobdError, type RunContext, snooze } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";

const child = defineJob<{ n: number }>({ type: "child", queue: "children", run: ({ payload }) => payload.n });

/** A store with a worker on it that retries at once. */
async function working(handlers: Handlers) {
  const jobd = await Jobd.open(new MemoryDriver({ now: () => Date.now() }), { namespace: "tenant" });
  const worker = jobd.worker({
    handlers,
    queues: ["default"],
    pollIntervalMs: 20,
    backoff: { baseMs: 1, maxMs: 1, jitter: "none" },
  });
  await worker.start();
  const children = async (): Promise<unknown[]> =>
    (await Array.fromAsync(jobd.jobs.list({ type: "child" }))).map(({ payload }) => payload);
  const close = async (): Promise<void> => {
    await worker.stop();
    await jobd.close();
  };
  return { jobd, children, [Symbol.asyncDispose]: close };
}

Deno.test("what an attempt enqueues is there once it has completed, and only once", async () => {
  const ids: string[] = [];
  const seen: unknown[][] = [];
  await using work = await working({
    parent: async ({ attempt }, { enqueue }) => {
      const { id } = await enqueue(child, { n: attempt }, { priority: 3 });
      ids.push(id);
      await enqueue({ type: "child", payload: "plain" });
      seen.push(await work.children());
      if (attempt === 1) throw new Error("again");
      return attempt === 2 ? fail({ code: "again", message: "again" }) : "done";
    },
  });
  await (await work.jobd.enqueue({ type: "parent" })).result({ timeout: "10s" });
  assert.deepEqual(seen, [[], [], []]);
  assert.deepEqual(new Set(await work.children()), new Set([{ n: 3 }, "plain"]));
  const made = await work.jobd.jobs.get(ids[2] ?? "");
  assert.deepEqual([made.queue, made.priority, made.namespace], ["children", 3, "tenant"]);
});

Deno.test("an attempt that puts itself off enqueues too", async () => {
  await using work = await working({
    poller: async ({ attempt }, { enqueue }) => {
      await enqueue(child, { n: attempt });
      return attempt < 3 ? snooze(1) : "done";
    },
  });
  await (await work.jobd.enqueue({ type: "poller" })).result({ timeout: "10s" });
  assert.equal((await work.children()).length, 3);
});

Deno.test("an attempt that is over, or asks for what cannot be, is refused", async () => {
  const refused = (code: string) => (error: unknown): boolean =>
    error instanceof JobdError && error.code === code;
  const contexts: RunContext[] = [];
  await using work = await working({
    parent: async (_, context) => {
      contexts.push(context);
      await assert.rejects(context.enqueue({ type: "no good name!" }), refused("invalid_request"));
    },
  });
  await (await work.jobd.enqueue({ type: "parent" })).result({ timeout: "10s" });
  await assert.rejects(contexts[0]!.enqueue(child, { n: 1 }), refused("conflict"));
  assert.deepEqual(await work.children(), []);
});
