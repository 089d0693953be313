import assert from "node:assert/strict";
import { randomFrom } from "../conformance/random_operations.ts";
import { SqliteFolder } from "./sqlite_folder.ts";

const MINUTE = 60_000;
const ROWS = 3_000;
const EVER = { namespace: "default", from: 0, to: Number.MAX_SAFE_INTEGER / 1_000 };

Deno.test("sqlite: statistics are whole wherever a process that puts them together is killed", async () => {
  await using folder = new SqliteFolder();
  const driver = await folder.openMigrated();
  const kind = { namespace: "default", queue: "q", type: "t", outcome: "completed", wait: [1], run: [1] };
  const rows = Array.from({ length: ROWS }, (_, n) => ({ ...kind, minute: n * MINUTE, count: 1 }));
  await driver.addStats(rows);
  const random = randomFrom(1);
  const steps = new Set<number>();
  for (let round = 0; round < 8; round++) {
    const script = new URL("sqlite_fold.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--no-check", "-A", script, folder.file()],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    // Any moment will do; this one differs from round to round.
    await new Promise((resolve) => setTimeout(resolve, random() * 30));
    child.kill("SIGKILL");
    await reader.cancel();
    await child.status;
    const found = await driver.stats(EVER);
    assert.equal(found.reduce((sum, { count }) => sum + count, 0), ROWS);
    assert.equal(found.reduce((sum, { wait }) => sum + (wait[0] ?? 0), 0), ROWS);
    for (const { step } of found) steps.add(step);
  }
  assert.deepEqual([...steps].toSorted((a, b) => a - b), [MINUTE, 60 * MINUTE], "it was in the middle of it");
});
