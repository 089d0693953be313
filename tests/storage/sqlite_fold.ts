// Puts statistics together, one at a time, until it is killed; says once that it has begun.
import { RESOLUTIONS } from "../../src/domain/stat.ts";
import { openSqlite } from "../../src/storage/sqlite/driver.ts";

const [path = ""] = Deno.args;
const driver = openSqlite(path);
const [MINUTE, HOUR] = RESOLUTIONS;
for (let count = 0;; count++) {
  await driver.foldStats({ from: 0, to: MINUTE, before: Number.MAX_SAFE_INTEGER / 1_000 }, 3);
  await driver.foldStats({ from: MINUTE, to: HOUR, before: Number.MAX_SAFE_INTEGER / 1_000 }, 3);
  if (count === 0) await Deno.stdout.write(new TextEncoder().encode("begun\n"));
}
