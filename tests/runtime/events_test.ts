import assert from "node:assert/strict";
import { Jobd, JobdError, type LogLevel, type OpenOptions } from "../../src/mod.ts";
import { turn } from "../../src/domain/clock.ts";
import type { NewEvent } from "../../src/domain/event.ts";
import type { Driver, WatcherRow } from "../../src/storage/driver.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { Publisher } from "../../src/runtime/events/publisher.ts";
import { WATCHER_MS } from "../../src/runtime/events/registration.ts";
import { WAIT_POLL_MS } from "../../src/runtime/events/waits.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { done, idOf } from "../conformance/world.ts";
import { decide } from "../../src/domain/decide.ts";

/** Lets everything run that waits for nothing but its turn. */
async function settled(): Promise<void> {
  for (let count = 0; count < 20; count++) await turn();
}

/** The same store with some methods replaced, and a count of all calls. */
function altered(driver: Driver, over: Partial<Driver> = {}): { driver: Driver; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const proxy = new Proxy(driver, {
    get(target, name) {
      const member: unknown = Reflect.get(over, name) ?? Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        calls.set(String(name), (calls.get(String(name)) ?? 0) + 1);
        return member.apply(target, args);
      };
    },
  });
  return { driver: proxy, calls };
}

function logger(): { log: NonNullable<OpenOptions["log"]>; lines: string[] } {
  const lines: string[] = [];
  const levels = ["debug", "info", "warn", "error"] satisfies LogLevel[];
  const entries = levels.map((level) => [level, (line: string, fields?: object) => {
    lines.push(`${level} ${line} ${JSON.stringify(fields)}`);
  }]);
  return { log: Object.fromEntries(entries), lines };
}

/** A worker of another program ends the job. */
async function finish(driver: Driver, now: number): Promise<void> {
  const request = { namespace: "default", queues: "all", types: "all", limit: 1 } as const;
  const { jobs, leaseId } = await driver.claim({ ...request, worker: "w", now, expiresAt: now + 1_000 });
  const backoff = { baseMs: 1, maxMs: 1, jitter: "none" } as const;
  const transitions = jobs.map((job) => decide(job, done, { now, random: 0, backoff }));
  await driver.settle({ transitions, close: leaseId === null ? [] : [leaseId] });
}

Deno.test("the end of a short job in the same process is heard, and nothing is asked of the store for it", async () => {
  const clock = new FakeClock();
  const { driver, calls } = altered(new MemoryDriver({ now: () => clock.now() }));
  await using jobd = await Jobd.open(driver, { clock });
  const worker = jobd.worker({ handlers: { quick: () => "done" } });
  const job = await jobd.enqueue({ type: "quick" });
  const result = job.result();
  await settled();
  await worker.start();
  // No time passes, so nothing is looked at again unless somebody says so.
  assert.equal(await result, "done");
  for (const method of ["saveWatcher", "eventSpan", "eventsAfter", "publish"]) {
    assert.equal(calls.get(method) ?? 0, 0, method);
  }
  assert.equal(calls.get("listen"), 1, "only the worker listens");
  const stopped = worker.stop();
  await clock.advance(1);
  await stopped;
});

Deno.test("an event that is lost costs a wait its time until the next look, not the answer", async () => {
  const clock = new FakeClock();
  const inner = new MemoryDriver({ now: () => clock.now() });
  await using jobd = await Jobd.open(inner, { clock });
  const { id } = await jobd.enqueue({ type: "any" });
  let ended = "";
  const waiting = jobd.jobs.wait(id).then(({ state }) => ended = state);
  await clock.advance(5_000);
  assert.equal((await inner.watchers()).length, 1);
  await finish(inner, clock.now()); // not through a program that tells of it
  await clock.advance(WAIT_POLL_MS / 2);
  assert.equal(ended, "");
  await clock.advance(WAIT_POLL_MS / 2);
  await waiting;
  assert.equal(ended, "completed");
});

Deno.test("a wait whose registration fails goes on by looking", async () => {
  const clock = new FakeClock();
  const inner = new MemoryDriver({ now: () => clock.now() });
  const { driver } = altered(inner, {
    saveWatcher: () => Promise.reject(new JobdError("store_unavailable", "away")),
  });
  await using jobd = await Jobd.open(driver, { clock });
  const { id } = await jobd.enqueue({ type: "any" });
  const waiting = jobd.jobs.wait(id);
  await clock.advance(3_000);
  await finish(inner, clock.now());
  await clock.advance(500);
  assert.equal((await waiting).state, "completed");
});

Deno.test("who listens is renewed while it does, also after a failure, and forgotten soon after", async () => {
  const clock = new FakeClock();
  let away = false;
  const inner = new MemoryDriver({ now: () => clock.now() });
  const { driver } = altered(inner, {
    saveWatcher: (watcher: WatcherRow) =>
      away ? Promise.reject(new JobdError("store_unavailable", "away")) : inner.saveWatcher(watcher),
  });
  const { log, lines } = logger();
  await using jobd = await Jobd.open(driver, { clock, log });
  const subscription = await jobd.on("*", () => {});
  const expiresAt = async (): Promise<number> => (await inner.watchers())[0]?.expiresAt ?? 0;
  assert.equal(await expiresAt(), clock.now() + WATCHER_MS);
  for (let minute = 0; minute < 5; minute++) {
    away = minute === 2;
    await clock.advance(60_000);
    if (!away) assert.ok(await expiresAt() > clock.now() + WATCHER_MS / 2);
  }
  assert.ok(lines.some((line) => /^warn Watching could not be renewed/.test(line)));
  subscription.close();
  await clock.advance(WATCHER_MS / 3);
  assert.deepEqual(await inner.watchers(), []);
});

Deno.test("events that the store does not take are not told, nor are those that a slow one has no room for", async () => {
  const clock = new FakeClock();
  const inner = new MemoryDriver({ now: () => clock.now() });
  const wants = [{ namespace: "default", kinds: ["queue.paused"] as ["queue.paused"] }];
  await inner.saveWatcher({ id: "w", wants, expiresAt: clock.now() + 1 });
  const gate = Promise.withResolvers<void>();
  let fails = true;
  const { driver } = altered(inner, {
    publish: async (events: NewEvent[]) => {
      if (fails) throw new JobdError("store_unavailable", "away");
      await gate.promise;
      await inner.publish(events);
    },
  });
  const { log, lines } = logger();
  const context = { driver, namespace: "default", clock, now: () => clock.now(), log };
  const publisher = new Publisher(context);
  const event: NewEvent = { kind: "queue.paused", at: 0, namespace: "default", queue: "q" };
  publisher.tell(() => [event]);
  await publisher.idle();
  assert.match(lines.join("\n"), /warn Events could not be stored and are not told \{"error":"away"\}/);
  fails = false;
  for (let count = 0; count < 50; count++) publisher.tell(() => Array(500).fill(event));
  await settled();
  gate.resolve();
  await publisher.idle();
  assert.equal((await inner.eventSpan()).last, 20_000);
  assert.match(
    lines.join("\n"),
    /warn The store is too slow for the events: some are not told \{"dropped":5000\}/,
  );
});

Deno.test("follow-ups that were there already are not told as new", async () => {
  const driver = new MemoryDriver();
  await using jobd = await Jobd.open(driver);
  await jobd.enqueue({ type: "other", id: idOf(1), uniqueKey: "one", delay: "1h" });
  const kinds: string[] = [];
  await jobd.on("job.enqueued", ({ type }) => kinds.push(type));
  await using worker = jobd.worker({
    handlers: {
      parent: async (_, { enqueue }) => {
        await enqueue({ type: "other", uniqueKey: "one" });
        await enqueue({ type: "new", delay: "1h" });
        return null;
      },
    },
  });
  await worker.start();
  await (await jobd.enqueue({ type: "parent" })).result();
  while (kinds.length < 2) await settled();
  assert.deepEqual(kinds, ["parent", "new"]);
});

Deno.test("a wait that is given up while it is being registered leaves nothing behind", async () => {
  const clock = new FakeClock();
  const inner = new MemoryDriver({ now: () => clock.now() });
  const gate = Promise.withResolvers<void>();
  const { driver, calls } = altered(inner, {
    eventSpan: () => gate.promise.then(() => inner.eventSpan()),
  });
  await using jobd = await Jobd.open(driver, { clock });
  const { id } = await jobd.enqueue({ type: "any" });
  const bored = new AbortController();
  const waiting = jobd.jobs.wait(id, { signal: bored.signal });
  await clock.advance(200);
  assert.equal(calls.get("eventSpan"), 1);
  bored.abort();
  await assert.rejects(waiting, (error) => error instanceof JobdError && error.code === "timed_out");
  gate.resolve();
  await settled();
  assert.deepEqual([clock.pending, await inner.watchers()], [0, []]);
});
