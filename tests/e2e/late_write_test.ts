import assert from "node:assert/strict";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { byJob } from "./effects.ts";
import { Fleet, until } from "./fleet.ts";

Deno.test("postgres: ends that arrive while the next attempts run are refused by the store", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  const options = { concurrency: 10, leaseMs: 3_000 };
  const late = await fleet.start(options, { url: proxy.through(fleet.url) });
  const requests = Array.from({ length: 10 }, () => ({ type: "canary", payload: { ms: 1_500 } }));
  const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
  const noted = async (event: string) =>
    (await fleet.effects()).filter((effect) => effect.event === event).length;
  await until("all run", async () => await noted("start") === ids.length);
  proxy.stall("client"); // what is written from here on lies on the wire
  await until("all have ended", async () => await noted("end") === ids.length);
  await fleet.start(options);
  await until("all run again", async () => await noted("start") === 2 * ids.length);
  proxy.resume();
  await fleet.drained(ids);
  await fleet.check(ids);
  const ends = byJob(await fleet.effects(), "end");
  for (const id of ids) {
    assert.deepEqual(ends.get(id)?.map(({ attempt, pid }) => [attempt, pid === late.pid]), [[1, true], [
      2,
      false,
    ]]);
    const job = await fleet.jobd.jobs.get(id);
    assert.deepEqual([job.state, job.attempt, job.failures, job.result], ["completed", 2, 1, { attempt: 2 }]);
  }
});
