import assert from "node:assert/strict";
import { Daemon, ProgramFolder } from "./program.ts";

/** Stands for code of a user that lives in the daemon's process and leaves faults behind. */
const FAULTY_CONFIG = `
setTimeout(() => void Promise.reject(new Error("a promise that nobody waits for")), 1_000);
setTimeout(() => { throw new Error("a timer that throws"); }, 1_000);
export const config = { commands: { say: { command: "echo" } } };
`;

Deno.test("faults that user code leaves in the daemon's process are logged, and the daemon goes on", async () => {
  await using folder = await ProgramFolder.create();
  await folder.write("jobd.config.ts", FAULTY_CONFIG);
  const daemon = new Daemon(folder.command(["start"]).spawn());
  await daemon.logged("jobd started");
  const logged = await daemon.loggedTimes("An error that nothing handled", 2);
  assert.deepEqual(logged.map(({ error }) => error).sort(), [
    "a promise that nobody waits for",
    "a timer that throws",
  ]);
  const ran = await folder.run(["enqueue", "exec", "--payload", '{"command":"say"}', "--wait"]);
  assert.equal(ran.code, 0, ran.stderr);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
});

Deno.test("a daemon whose log nobody reads ends when it is told to", async () => {
  await using folder = await ProgramFolder.create();
  await folder.write("jobd.config.ts", `export const config = { commands: { no: { command: "false" } } };`);
  const enqueue = ["enqueue", "exec", "--bulk", "--max-attempts", "1"];
  const lines = 1_000; // more than a pipe holds
  await folder.write("jobs.ndjson", '{"command":"no"}\n'.repeat(lines));
  const child = folder.command(["start", "--concurrency", "50"]).spawn();
  const stuck = async (): Promise<boolean> => {
    const ran = await folder.run(["queues", "--json"]);
    return ran.code === 0 && JSON.parse(ran.stdout).items[0]?.counts?.dead === lines;
  };
  while ((await folder.run([...enqueue, "--payload", "@jobs.ndjson"])).code !== 0);
  while (!await stuck());
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
});
