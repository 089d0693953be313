import assert from "node:assert/strict";
import { join } from "node:path";
import { type Clock, Jobd } from "../../src/mod.ts";
import { openSqlite } from "../../src/storage/sqlite/driver.ts";
import { system } from "../../src/storage/system.ts";
import { until } from "./two.ts";

/** Time in which nobody polls. */
const withoutPolls: Clock = { ...system, after: (ms, fn) => ms <= 600 ? system.after(ms, fn) : () => {} };

Deno.test("processes that share a SQLite file hear of each other's events and results", async () => {
  const folder = await Deno.makeTempDir({ prefix: "jobd-test-watching-" });
  const path = join(folder, "jobd.db");
  const driver = openSqlite(path);
  try {
    await using jobd = await Jobd.open(`sqlite:${path}`, { migrate: true, clock: withoutPolls });
    await using _driver = { [Symbol.asyncDispose]: () => driver.close() };
    const kinds: string[] = [];
    await jobd.on("job.*", ({ kind }) => kinds.push(kind));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "-A", join(import.meta.dirname ?? "", "program.ts"), path],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const id = (await lines.read()).value?.trim() ?? "";
    const waiting = jobd.jobs.wait(id);
    await until(() => kinds.includes("job.started"));
    await until(async () => JSON.stringify(await driver.watchers()).includes(id));
    const stdin = child.stdin.getWriter();
    await stdin.write(new TextEncoder().encode("go\n"));
    await stdin.close();
    assert.equal((await waiting).result, "from another process");
    await until(() => kinds.length === 3);
    assert.deepEqual(kinds, ["job.enqueued", "job.started", "job.completed"]);
    while (!(await lines.read()).done);
    assert.equal((await child.status).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
