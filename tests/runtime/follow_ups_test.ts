import assert from "node:assert/strict";
import { defineJob, fail, type Handlers, JobdError, type RunContext, snooze } from "../../src/mod.ts";
import { working } from "../support/working.ts";

const child = defineJob<{ n: number }>({ type: "child", queue: "children", run: ({ payload }) => payload.n });

/** A worker of a tenant that leaves the children alone. */
async function world(handlers: Handlers) {
  const work = await working(handlers, { namespace: "tenant", queues: ["default"] });
  const children = async (): Promise<unknown[]> =>
    (await Array.fromAsync(work.jobd.jobs.list({ type: "child" }))).map(({ payload }) => payload);
  return { ...work, children, [Symbol.asyncDispose]: () => work[Symbol.asyncDispose]() };
}

Deno.test("what an attempt enqueues is there once it has completed, and only once", async () => {
  const ids: string[] = [];
  const seen: unknown[][] = [];
  await using work = await world({
    parent: async ({ attempt }, { enqueue }) => {
      const { id } = await enqueue(child, { n: attempt }, { priority: 3 });
      ids.push(id);
      await enqueue({ type: "child", payload: "plain" });
      seen.push(await work.children());
      if (attempt === 1) throw new Error("again");
      return attempt === 2 ? fail({ code: "again", message: "again" }) : "done";
    },
  });
  await work.until((await work.jobd.enqueue({ type: "parent" })).result());
  assert.deepEqual(seen, [[], [], []]);
  assert.deepEqual(new Set(await work.children()), new Set([{ n: 3 }, "plain"]));
  const made = await work.jobd.jobs.get(ids[2] ?? "");
  assert.deepEqual([made.queue, made.priority, made.namespace], ["children", 3, "tenant"]);
});

Deno.test("an attempt that puts itself off enqueues too", async () => {
  await using work = await world({
    poller: async ({ attempt }, { enqueue }) => {
      await enqueue(child, { n: attempt });
      return attempt < 3 ? snooze(1) : "done";
    },
  });
  await work.until((await work.jobd.enqueue({ type: "poller" })).result());
  assert.equal((await work.children()).length, 3);
});

Deno.test("an attempt that is over, or asks for what cannot be, is refused", async () => {
  const refused = (code: string) => (error: unknown): boolean =>
    error instanceof JobdError && error.code === code;
  const contexts: RunContext[] = [];
  await using work = await world({
    parent: async (_, context) => {
      contexts.push(context);
      await assert.rejects(context.enqueue({ type: "no good name!" }), refused("invalid_request"));
    },
  });
  await work.until((await work.jobd.enqueue({ type: "parent" })).result());
  await assert.rejects(contexts[0]!.enqueue(child, { n: 1 }), refused("conflict"));
  assert.deepEqual(await work.children(), []);
});
