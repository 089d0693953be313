import assert from "node:assert/strict";
import { planContest } from "../../src/domain/contest.ts";
import type { NewJob } from "../../src/domain/job.ts";
import { type JobRequest, newJob } from "../../src/domain/request.ts";
import { JOB_STATES } from "../../src/domain/states.ts";
import { CONFLICT_POLICIES, holdsKey, uniqueLock, type UniqueOptions } from "../../src/domain/unique.ts";

const NOW = Date.UTC(2026, 0, 1, 10, 30);
const HOUR = 3_600_000;

function make(unique: UniqueOptions, over: JobRequest = {}): NewJob {
  const id = "01900000-0000-7000-8000-000000000000";
  return newJob({ type: "t", unique, ...over }, { now: NOW, id, maxAttempts: 3 });
}

const uniqueOf = (unique: UniqueOptions, over: JobRequest = {}) => make(unique, over).options.unique;

Deno.test("a key and nothing else is stored as a plain key", () => {
  assert.deepEqual(make({ key: "k" }).options, { uniqueKey: "k" });
  assert.deepEqual(make({ key: "k", scope: "type", states: ["unfinished"], onConflict: "keep" }).options, {
    uniqueKey: "k",
  });
});

Deno.test("the lock of a plain key is that of the same key in full", () => {
  assert.equal(
    uniqueLock(make({ key: "k", onConflict: "fail" })),
    uniqueLock(make({}, { unique: { key: "k" } })),
  );
});

Deno.test("different ways to be unique have different locks, whatever is in the key", () => {
  const locks = [
    make({}),
    make({}, { payload: { a: 1 } }),
    make({ fields: ["a"] }),
    make({ fields: ["a"], key: "k" }),
    make({ key: "k" }),
    make({ key: "k\nk" }),
    make({ key: "k", scope: "queue" }),
    make({ key: "k", scope: "queue" }, { queue: "other" }),
    make({ key: "k", scope: "namespace" }),
    make({ key: "k", scope: "namespace" }, { namespace: "other" }),
    make({ key: "k", per: "1h" }),
    make({ key: "k", per: "30m" }),
    make({ key: `["type","default","t",null,[3600000,${Math.floor(NOW / HOUR) * HOUR}]]\nk` }),
  ].map(uniqueLock);
  assert.equal(new Set(locks).size, locks.length);
  // The longest entry that PostgreSQL's index takes is 2,704 bytes.
  const name = "n".repeat(127);
  const longest = make(
    { key: "漢".repeat(512), fields: ["a"], scope: "queue", per: "1h" },
    { namespace: name, queue: name, type: name },
  );
  assert.ok(new TextEncoder().encode(uniqueLock(longest) ?? "").length < 2_600);
});

Deno.test("periods go from full to full by the clock, not from the first job on", () => {
  assert.deepEqual(uniqueOf({ key: "k", per: "1h" })?.window, {
    perMs: HOUR,
    from: Date.UTC(2026, 0, 1, 10),
  });
  assert.deepEqual(uniqueOf({ key: "k", per: "1d" })?.window?.from, Date.UTC(2026, 0, 1));
});

Deno.test("the states that hold a key, by policy and period", () => {
  const held = (unique: UniqueOptions, over: JobRequest = {}): string =>
    JOB_STATES.filter((state) => holdsKey(state, uniqueOf(unique, over))).join(" ");
  const waiting = "scheduled blocked available";
  assert.equal(held({}), `${waiting} running`);
  assert.equal(held({ per: "1h" }), `${waiting} running completed`);
  assert.equal(held({ onConflict: "debounce" }, { delay: 1 }), waiting);
  assert.equal(held({ onConflict: "throttle", per: "1h" }), JOB_STATES.join(" "));
  assert.equal(held({ states: ["waiting", "dead"] }), `${waiting} dead`);
  assert.equal(held({ per: "1h", states: ["unfinished"] }), `${waiting} running`);
  assert.equal(held({ states: ["finished", "unfinished"] }), JOB_STATES.join(" "));
});

Deno.test("what cannot be is refused with the reason", () => {
  const wrong: [UniqueOptions | unknown, RegExp, JobRequest?][] = [
    ["k", /^Invalid unique: "k" is not an object/],
    [{ keys: 1 }, /^Unknown field "keys" of unique/],
    [{ key: "" }, /^Invalid unique key: ""/],
    [{ fields: [] }, /^Invalid unique fields: \[\]/],
    [{ scope: "all" }, /^Invalid unique scope: "all" is not one of type, queue, namespace/],
    [{ per: 0 }, /^Invalid unique per: 0 is not longer than 0/],
    [{ per: "soon" }, /^Invalid unique per: "soon"/],
    [{ states: [] }, /^Invalid unique states: \[\]/],
    [{ states: ["done"] }, /^Invalid unique states: \["done"\] is not a list of scheduled/],
    [{ states: ["running", "available"] }, /lacks scheduled, blocked$/],
    [{ onConflict: "drop" }, /^Invalid unique onConflict: "drop" is not one of keep, replace/],
    [{ replace: ["payload"] }, /^Invalid unique: replace needs the policy replace or debounce/],
    [{ onConflict: "replace", replace: ["id"] }, /^Invalid unique replace: \["id"\]/],
    [{ onConflict: "replace", maxWait: "1m" }, /^Invalid unique: maxWait needs the policy debounce/],
    [{ onConflict: "debounce" }, /^Invalid unique: debounce needs a delay/],
    [{ onConflict: "debounce", maxWait: 0 }, /^Invalid unique maxWait: 0/, { delay: 1 }],
    [{ onConflict: "throttle" }, /^Invalid unique: throttle needs a period/],
    [{ defer: true }, /^Invalid unique: defer needs the policy throttle/],
    [{ defer: "yes" }, /^Invalid unique defer: "yes"/],
    [{ key: "k" }, /^A job cannot have both uniqueKey and unique/, { uniqueKey: "k" }],
  ];
  for (const [unique, message, over] of wrong) {
    assert.throws(() => make(unique as UniqueOptions, over), (error: Error & { code?: string }) => {
      assert.match(error.message, message);
      return error.code === "invalid_request";
    });
  }
});

Deno.test("what has ended, or is asked to cancel already, is never changed by a contest", () => {
  for (const onConflict of CONFLICT_POLICIES) {
    const unique: UniqueOptions = { key: "k", onConflict, per: "1h", states: ["unfinished", "finished"] };
    const job = make(unique, { delay: "1m" });
    for (
      const state of JOB_STATES.filter((each) =>
        !["scheduled", "blocked", "available", "running"].includes(each)
      )
    ) {
      const holder = {
        ...job,
        state,
        attempt: 1,
        cancelRequestedAt: null,
        waitingFor: null,
        gathering: false,
      };
      assert.ok(["keep", "fail"].includes(planContest(holder, job).kind), `${onConflict} ${state}`);
    }
  }
});
