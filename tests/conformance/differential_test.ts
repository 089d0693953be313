import assert from "node:assert/strict";
import { sharedPostgres } from "../support/postgres_server.ts";
import { openMemoryStore, openSqliteStore, postgresStores } from "./backends.ts";
import { Player } from "./player.ts";
import { operations } from "./random_operations.ts";
import { visible } from "./visible.ts";

/** Operations in one list. */
const LENGTH = 120;
const SEEDS = [1, 2, 3, 4, 5];

const { url } = await sharedPostgres();

/** Plays the same operations on all backends; after each, answers and everything visible must be equal. */
async function compare(seed: number): Promise<void> {
  await using memory = await openMemoryStore();
  await using sqlite = await openSqliteStore();
  await using postgres = await postgresStores(url)();
  const model = new Player(memory.driver);
  const others = [sqlite, postgres].map(({ driver }) => ({ driver, player: new Player(driver) }));
  let step = 0;
  for (const operation of operations(seed)) {
    if (++step > LENGTH) return;
    const expected = await model.play(operation);
    const state = await visible(memory.driver);
    for (const { driver, player } of others) {
      const where = `${driver.backend} differs from memory: JOBD_SEED=${seed}, operation ${step}: ${
        JSON.stringify(operation)
      }`;
      same(await player.play(operation), expected, `${where}: answer`);
      same(await visible(driver), state, `${where}: state`);
    }
  }
}

function same(actual: unknown, expected: unknown, where: string): void {
  try {
    assert.deepEqual(actual, expected);
  } catch (error) {
    throw new Error(`${where}\n${(error as Error).message}`);
  }
}

for (const seed of [...SEEDS, ...extraSeeds()]) {
  Deno.test(`the same operations mean the same on all backends, seed ${seed}`, () => compare(seed));
}

/** A seed of the caller's choice, to repeat a failure or to look further. */
function extraSeeds(): number[] {
  const seed = Deno.env.get("JOBD_SEED");
  return seed === undefined ? [] : [Number(seed)];
}
