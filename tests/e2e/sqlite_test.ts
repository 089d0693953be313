import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { byJob } from "./effects.ts";
import { Fleet, PERMISSIONS } from "./fleet.ts";

const CLIENT = new URL("./client.ts", import.meta.url).pathname;
const CLIENTS = 8;
const EACH = 100;
/** The WAL file is cut back to this size once nobody needs more of it. */
const WAL_KEPT = 64 * 1024 * 1024;

Deno.test(`${CLIENTS} processes enqueue one job at a time while two daemons work on the same file: no call fails`, async () => {
  await using fleet = await Fleet.of("sqlite");
  await Promise.all([
    fleet.start({ concurrency: 10, leaseMs: 3_000 }),
    fleet.start({ concurrency: 10, leaseMs: 3_000 }),
  ]);
  const outputs = await Promise.all(Array.from({ length: CLIENTS }, () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", ...PERMISSIONS, CLIENT, fleet.url, String(EACH), "one-by-one"],
      stderr: "inherit",
    }).output()));
  assert.deepEqual(outputs.map(({ code }) => code), Array(CLIENTS).fill(0));
  const ids = outputs.flatMap(({ stdout }) => new TextDecoder().decode(stdout).trim().split("\n"));
  assert.equal(new Set(ids).size, CLIENTS * EACH);
  await fleet.drained(ids);
  await fleet.check(ids);
  const starts = byJob(await fleet.effects(), "start");
  assert.ok(ids.every((id) => starts.get(id)?.length === 1));
});

Deno.test("a reader that holds its snapshot stops nothing, and the WAL file shrinks when it has gone", async () => {
  await using fleet = await Fleet.of("sqlite");
  await fleet.start({ concurrency: 10 });
  const path = fleet.url.slice("sqlite:".length);
  const walSize = async (): Promise<number> => (await Deno.stat(`${path}-wal`)).size;
  const run = async (count: number): Promise<void> => {
    const payload = { filler: "x".repeat(200_000) };
    const requests = Array.from({ length: count }, () => ({ type: "canary", payload }));
    const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
    await fleet.drained(ids);
    await fleet.check(ids);
  };
  await run(1);
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec("begin");
  assert.equal(reader.prepare("select count(*) as jobs from job").get()?.jobs, 1);
  while (await walSize() <= 1.5 * WAL_KEPT) await run(100);
  assert.equal(reader.prepare("select count(*) as jobs from job").get()?.jobs, 1, "the snapshot stands");
  reader.exec("commit");
  reader.close();
  while (await walSize() > WAL_KEPT) await run(20);
});
