import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Batch,
  emptyBatch,
  hasEnded,
  MEMBER_ENDS,
  type MemberEnd,
  type MemberNote,
  reviewBatch,
} from "../../src/domain/batch.ts";
import { idOf, newJob, T } from "../conformance/world.ts";

const ID = idOf(1);

function batchOf(members: number): Batch {
  const batch = emptyBatch({
    id: ID,
    namespace: "default",
    type: "t",
    origin: null,
    meta: {},
    parent: idOf(2),
    callbacks: { complete: newJob(3), finish: newJob(4), dead: newJob(5) },
    retentionMs: null,
    createdAt: T,
    sealedAt: T,
  });
  return { ...batch, counts: { ...batch.counts, total: members, open: members } };
}

/** Lives of members: one ends as often as it is named, and is retried in between. */
const lives = fc.integer({ min: 1, max: 4 }).chain((members) =>
  fc.record({
    members: fc.constant(members),
    moves: fc.array(
      fc.record({ member: fc.nat({ max: members - 1 }), end: fc.constantFrom(...MEMBER_ENDS) }),
      { maxLength: 20 },
    ),
    cuts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 25, maxLength: 25 }),
  })
);

function notesOf(
  moves: { member: number; end: MemberEnd }[],
): { notes: MemberNote[]; ends: Map<number, MemberEnd> } {
  const ends = new Map<number, MemberEnd>();
  const notes = moves.map(({ member, end }): MemberNote => {
    const before = ends.get(member);
    if (before === undefined) {
      ends.set(member, end);
      return { batchId: ID, state: end, delta: 1 };
    }
    ends.delete(member);
    return { batchId: ID, state: before, delta: -1 };
  });
  return { notes, ends };
}

Deno.test("however notes are gathered, counts are right, callbacks come once, and no batch ends while a member is open", () => {
  fc.assert(fc.property(lives, ({ members, moves, cuts }) => {
    const { notes, ends } = notesOf(moves);
    let batch = batchOf(members);
    const called: string[] = [];
    const passedOn: MemberNote[] = [];
    for (let rest = notes, at = 0; rest.length > 0; at++) {
      const part = rest.slice(0, cuts[at % cuts.length]);
      rest = rest.slice(part.length);
      const verdict = reviewBatch(batch, { notes: part, rest: rest.length > 0, now: T + at });
      const { counts } = verdict.batch;
      assert.equal(counts.open + MEMBER_ENDS.reduce((sum, end) => sum + counts[end], 0), members);
      if (rest.length === 0) assert.equal(hasEnded(verdict.batch), counts.open === 0);
      if (hasEnded(verdict.batch) && !hasEnded(batch)) assert.equal(counts.open, 0);
      assert.equal(verdict.batch.finishedAt !== null, hasEnded(verdict.batch));
      called.push(...verdict.callbacks.map(({ options }) => options.callback?.on ?? ""));
      passedOn.push(...verdict.notes);
      batch = verdict.batch;
    }
    for (const end of MEMBER_ENDS) {
      assert.equal(batch.counts[end], [...ends.values()].filter((one) => one === end).length);
    }
    assert.equal(new Set(called).size, called.length);
    assert.deepEqual([...called].sort(), [...batch.told].sort());
    // For the batch around it, it has ended as it has, or not at all.
    const sum = (end: MemberEnd): number =>
      passedOn.reduce((total, { state, delta }) => state === end ? total + delta : total, 0);
    const expected = { open: [0, 0], running: [0, 0], completed: [1, 0], failed: [0, 1], cancelled: [0, 0] };
    assert.deepEqual([sum("completed"), sum("dead")], expected[batch.state]);
  }));
});

Deno.test("what callbacks are told is how the batch stands at their moment, and their time begins then", () => {
  const batch = { ...batchOf(1), callbacks: { finish: newJob(4, { runAt: T + 500, expireAt: T + 900 }) } };
  const notes: MemberNote[] = [{ batchId: ID, state: "expired", delta: 1 }];
  const [job] = reviewBatch(batch, { notes, rest: false, now: T + 1_000 }).callbacks;
  assert.deepEqual([job?.createdAt, job?.runAt, job?.expireAt], [T + 1_000, T + 1_500, T + 1_900]);
  const { batch: id, on, state, counts } = job?.options.callback ?? {};
  assert.deepEqual([id, on, state, counts?.expired, counts?.open], [ID, "finish", "failed", 1, 0]);
});
