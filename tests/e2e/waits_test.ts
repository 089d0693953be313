import assert from "node:assert/strict";
import { chance, pass } from "./chance.ts";
import { BACKENDS, type Daemon, Fleet } from "./fleet.ts";

const JOBS = 40;
const KILLS = 6;
const NAMES = ["a", "b", "c"];

for (const backend of BACKENDS) {
  Deno.test(`${backend}: kills at random moments lose no answer and no timeout, and nothing runs twice at a time`, async () => {
    const random = chance();
    await using fleet = await Fleet.of(backend);
    const { jobd } = fleet;
    const options = { concurrency: 6 };
    const daemons = await Promise.all([fleet.start(options), fleet.start(options)]);
    const request = { type: "patient", maxAttempts: 50, backoff: { base: 20, max: 50 } };
    const ids = (await jobd.enqueueMany(Array.from({ length: JOBS }, () => request))).map(({ id }) => id);
    // Some come before the handler has asked, some while it runs, some while the job waits.
    const answering = Promise.all(ids.flatMap((job) =>
      NAMES.map(async (name) => {
        await pass(random() * 2_000);
        await jobd.waits.resume({ job, name }, `${name} of ${job}`);
      })
    ));
    for (let kill = 0; kill < KILLS; kill++) {
      await pass(random() * 300);
      const which = Math.floor(random() * daemons.length);
      const victim = daemons[which] as Daemon;
      victim.kill("SIGKILL");
      await victim.ended;
      daemons[which] = await fleet.start(options);
    }
    await answering;
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    await fleet.check(ids);
    for (const id of ids) {
      const waits = await jobd.waits.list(id);
      const over = waits.map((
        { name, answeredAt, timedOutAt },
      ) => [name, answeredAt !== null, timedOutAt !== null]);
      assert.deepEqual(over, [
        ["a", true, false],
        ["a moment", false, true],
        ["b", true, false],
        ["c", true, false],
        ["nobody", false, true],
      ]);
    }
  });
}
