import assert from "node:assert/strict";
import { chance, pass } from "./chance.ts";
import { byJob } from "./effects.ts";
import { BACKENDS, type Daemon, Fleet } from "./fleet.ts";

const LAYERS = 8;
const WIDTH = 10;
const KILLS = 6;

/** Layers of jobs, each of which comes after two of the layer before. */
function graph(random: () => number) {
  const ids = Array.from({ length: LAYERS }, () => Array.from({ length: WIDTH }, () => crypto.randomUUID()));
  const some = (layer: string[]): string => layer[Math.floor(random() * layer.length)] as string;
  const parents = new Map(ids.flatMap((layer, depth) => {
    const before = ids[depth - 1];
    return before === undefined
      ? []
      : layer.map((id) => [id, [...new Set([some(before), some(before)])]] as const);
  }));
  const requests = ids.flat().map((id) => {
    const after = parents.get(id);
    return {
      id,
      type: "canary",
      payload: { ms: Math.floor(random() * 60) },
      maxAttempts: 50,
      backoff: { base: 20, max: 50 },
      ...(after === undefined ? {} : { after }),
    };
  });
  return { parents, requests: requests.sort(() => random() - 0.5) };
}

for (const backend of BACKENDS) {
  Deno.test(`${backend}: kills at random moments lose no job that waits for others, and start none before its time`, async () => {
    const random = chance();
    const { parents, requests } = graph(random);
    await using fleet = await Fleet.of(backend);
    const options = { concurrency: 6 };
    const daemons = await Promise.all([fleet.start(options), fleet.start(options)]);
    const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
    for (let kill = 0; kill < KILLS; kill++) {
      await pass(random() * 200);
      const which = Math.floor(random() * daemons.length);
      const victim = daemons[which] as Daemon;
      victim.kill("SIGKILL");
      await victim.ended;
      daemons[which] = await fleet.start(options);
    }
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    await fleet.check(ids);
    const effects = await fleet.effects();
    const [starts, ends] = [byJob(effects, "start"), byJob(effects, "end")];
    for (const [id, before] of parents) {
      const started = Math.min(...starts.get(id)?.map(({ at }) => at) ?? []);
      for (const parent of before) {
        const ended = Math.min(...ends.get(parent)?.map(({ at }) => at) ?? []);
        assert.ok(ended <= started, `${id} started ${ended - started} ms before ${parent} had ended`);
      }
    }
  });
}
