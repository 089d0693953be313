import assert from "node:assert/strict";
import { byJob } from "./effects.ts";
import { BACKENDS, Fleet, PERMISSIONS, until } from "./fleet.ts";

const CLIENT = new URL("./client.ts", import.meta.url).pathname;

for (const backend of BACKENDS) {
  Deno.test(`${backend}: 10,000 jobs from 8 concurrent clients all run once`, async () => {
    await using fleet = await Fleet.of(backend);
    await Promise.all([
      fleet.start({ concurrency: 50, leaseMs: 3_000 }),
      fleet.start({ concurrency: 50, leaseMs: 3_000 }),
    ]);
    const clients = Array.from({ length: 8 }, () =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", ...PERMISSIONS, CLIENT, fleet.url, "1250"],
        stderr: "inherit",
      }).output());
    const outputs = await Promise.all(clients);
    assert.deepEqual(outputs.map(({ code }) => code), Array(8).fill(0));
    const ids = outputs.flatMap(({ stdout }) => new TextDecoder().decode(stdout).trim().split("\n"));
    assert.equal(new Set(ids).size, 10_000);
    await until("all have run", async () => byJob(await fleet.effects(), "end").size === 10_000, 120_000);
    await fleet.drained(ids);
    const starts = byJob(await fleet.effects(), "start");
    assert.ok(ids.every((id) => starts.get(id)?.length === 1), "a job ran twice");
    assert.equal(starts.size, 10_000);
  });
}
