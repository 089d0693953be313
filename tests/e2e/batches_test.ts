import assert from "node:assert/strict";
import { checkCounts } from "./batch_round.ts";
import { chance, pass } from "./chance.ts";
import { byJob } from "./effects.ts";
import { BACKENDS, type Daemon, Fleet } from "./fleet.ts";
import { openDriver } from "../../src/storage/open.ts";

const BATCHES = 12;
const JOBS = 12;
const KILLS = 6;

for (const backend of BACKENDS) {
  Deno.test(`${backend}: kills at random moments: every batch ends after its members, with counts that are theirs, and has each callback once`, async () => {
    const random = chance();
    await using fleet = await Fleet.of(backend);
    const options = { concurrency: 6 };
    const daemons = await Promise.all([fleet.start(options), fleet.start(options)]);
    const work = (more: object = {}) => ({
      type: "canary",
      payload: { ms: Math.floor(random() * 60), ...more },
      maxAttempts: 50,
      backoff: { base: 20, max: 50 },
    });
    const outer = await fleet.jobd.batch([], { open: true, onFinish: work() });
    const batches = await Promise.all(Array.from({ length: BATCHES }, (_, number) =>
      fleet.jobd.batch(
        Array.from({ length: JOBS }, (_, at) => ({
          ...work(),
          // Of every second batch one job is dead.
          ...(at === 0 && number % 2 === 1 ? { maxAttempts: 1, payload: { failTimes: 1 } } : {}),
        })),
        { parent: outer, onComplete: work(), onFinish: work(), onDead: work() },
      )));
    await outer.seal();
    for (let kill = 0; kill < KILLS; kill++) {
      await pass(random() * 200);
      const which = Math.floor(random() * daemons.length);
      const victim = daemons[which] as Daemon;
      victim.kill("SIGKILL");
      await victim.ended;
      daemons[which] = await fleet.start(options);
    }
    const end = await outer.wait({ timeoutMs: 120_000 });
    const driver = await openDriver(fleet.url);
    const callbacks: string[] = [end.callbacks.finish?.id ?? ""];
    const lasts = new Map<string, string[]>();
    let dead = 0;
    for (const batch of batches) {
      const { state, counts, callbacks: { complete, finish, dead: onDead } } = await batch.get();
      await checkCounts(driver, batch.id);
      assert.deepEqual([counts.total, counts.open], [JOBS, 0]);
      assert.equal(state, counts.completed === JOBS ? "completed" : "failed");
      // A job with one attempt is dead, too, when its process was killed under it.
      const expected = state === "completed" ? [true, true, false] : [false, true, true];
      assert.deepEqual([complete?.enqueued, finish?.enqueued, onDead?.enqueued], expected);
      const own = [complete, finish, onDead].flatMap((one) => one?.enqueued ? [one.id] : []);
      callbacks.push(...own);
      if (state === "failed") dead++;
      lasts.set(finish?.id ?? "", batch.jobs.map(({ id }) => id));
    }
    assert.ok(dead >= 1, "no batch has failed");
    assert.deepEqual([end.state, end.counts.total, end.counts.dead], ["failed", BATCHES, dead]);
    const states = await fleet.drained(callbacks);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    await fleet.check([...callbacks, ...batches.flatMap(({ jobs }) => jobs.map(({ id }) => id))]);
    const total = (await driver.list({ namespace: "default", limit: 1_000 })).items.length;
    assert.equal(total, BATCHES * JOBS + callbacks.length, "no job but the members and the callbacks");
    const effects = await fleet.effects();
    const [starts, ends] = [byJob(effects, "start"), byJob(effects, "end")];
    for (const [callback, members] of lasts) {
      const started = Math.min(...starts.get(callback)?.map(({ at }) => at) ?? []);
      for (const id of members) {
        const first = Math.min(...ends.get(id)?.map(({ at }) => at) ?? [0]);
        assert.ok(first <= started, `the callback ${callback} started before ${id} had ended`);
      }
    }
    await driver.close();
  });
}
