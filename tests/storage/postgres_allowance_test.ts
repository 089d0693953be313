import assert from "node:assert/strict";
import { Allowance } from "../../src/storage/postgres/allowance.ts";

Deno.test("what takes long has a twentieth of the time, and its turn again within ten seconds", () => {
  let now = 0;
  const allowance = new Allowance(() => now);
  assert.equal(allowance.open, true);
  allowance.spend(900);
  assert.equal(allowance.open, true, "a second was saved");
  allowance.spend(200);
  assert.equal(allowance.open, false);
  now += 2_001;
  assert.equal(allowance.open, true);
  now += 100_000;
  allowance.spend(600_000); // the server stood still
  assert.equal(allowance.open, false);
  now += 10_001;
  assert.equal(allowance.open, true);
});
