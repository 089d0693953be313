import assert from "node:assert/strict";
import { Patience } from "../../src/runtime/patience.ts";
import type { Driver } from "../../src/storage/driver.ts";

const refused = { name: "JobdError", code: "store_unavailable", message: /not waited for/ };

Deno.test("Patience passes calls on, and ends those under way and later ones when it is lost", async () => {
  const answer = Promise.withResolvers<number>();
  let calls = 0;
  const driver = {
    backend: "memory",
    ready() {
      assert.equal(this, driver);
      return ++calls === 1 ? Promise.resolve(7) : answer.promise;
    },
    queues: () => Promise.reject(new Error("its own failure")),
  } as unknown as Driver;
  const patience = new Patience(driver);
  assert.equal(patience.driver.backend, "memory");
  assert.equal(await patience.driver.ready(), 7);
  await assert.rejects(patience.driver.queues("default"), { message: "its own failure" });
  const underWay = [patience.driver.ready(), patience.wait(() => new Promise<void>(() => {}))];
  assert.equal(patience.lost, false);
  patience.lose();
  assert.equal(patience.lost, true);
  for (const call of underWay) await assert.rejects(call, refused);
  await assert.rejects(patience.driver.ready(), refused);
  assert.equal(calls, 2, "a refused call is not made");
  // What comes too late disturbs nobody.
  answer.reject(new Error("the connection was lost"));
  await assert.rejects(patience.wait(() => 1), refused);
});
