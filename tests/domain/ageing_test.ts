import assert from "node:assert/strict";
import fc from "fast-check";
import { gainedByAge, mergeLanes, type Standing } from "../../src/domain/ageing.ts";

Deno.test("gainedByAge() counts full steps since the job could have started", () => {
  const gained = (now: number, stepMs?: number): number => gainedByAge({ runAt: 1_000 }, stepMs, now);
  assert.deepEqual([gained(0, 10), gained(1_009, 10), gained(1_010, 10), gained(1_999, 10)], [0, 0, 1, 99]);
  assert.equal(gained(1_000_000), 0);
});

const lane = fc.array(fc.record({ rank: fc.integer({ min: -3, max: 3 }), seq: fc.nat(50) }), {
  maxLength: 6,
});

Deno.test("mergeLanes() keeps the order of each lane, and what it gives first stands before all other firsts", () => {
  const standing = (job: Standing): Standing => job;
  fc.assert(fc.property(fc.array(lane, { maxLength: 5 }), fc.nat(20), (lanes, limit) => {
    const merged = mergeLanes(lanes, standing, limit);
    const all = lanes.flat();
    assert.equal(merged.length, Math.min(limit, all.length));
    const left = lanes.map((jobs) => [...jobs]);
    for (const job of merged) {
      const firsts = left.flatMap((jobs) => jobs.slice(0, 1));
      for (const { rank, seq } of firsts) {
        assert.ok(job.rank < rank || (job.rank === rank && job.seq <= seq));
      }
      const from = left.find((jobs) => jobs[0] === job);
      assert.ok(from, "not the first of its lane");
      from.shift();
    }
  }));
});
