import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../../src/domain/json.ts";
import { checkJson, PAYLOAD_LIMITS } from "../../src/domain/json.ts";
import { type Chapter, newJob, T } from "./world.ts";

/** Values that are easily spoilt on the way into a database and back. */
const HARD: Json[] = [
  null,
  false,
  0,
  1e300,
  5e-324,
  Number.MAX_SAFE_INTEGER,
  -0.1,
  "",
  "null",
  "\\u0000",
  "\u0001\u001f\u007f\u2028\u2029\ufeff\uffff",
  `"'\`\\ $1 ? :a @b %s {} ''`,
  "é e\u0301 ﬁ ß İ ı 漢字 👩‍👩‍👧‍👦",
  [],
  {},
  [[[[]]], {}, [null]],
  {
    "": "",
    " ": " ",
    "a.b": 1,
    'q"': 2,
    "10": 1,
    "9": 2,
    "-1": 3,
    constructor: 1,
    hasOwnProperty: null,
    toString: "x",
  },
  { z: 1, a: 2, m: 3 },
];

export const jsonChapter: Chapter = {
  "hard values come back exactly, the order of keys included": async (w) => {
    for (const value of HARD) {
      const job = await w.add({ payload: value, options: { meta: { value } } });
      assert.equal(JSON.stringify(job.payload), JSON.stringify(value));
      assert.equal(JSON.stringify(job.options.meta), JSON.stringify({ value }));
    }
  },
  "any payload comes back exactly": async (w) => {
    let number = 1_000_000;
    const seed = 20_260_101;
    const payload = fc.jsonValue({ stringUnit: "binary" }).filter(storable);
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { minLength: 1, maxLength: 20 }), async (payloads) => {
        const jobs = payloads.map((payload) => newJob(++number, { payload: payload as Json, runAt: T + 1 }));
        await w.driver.insert(jobs);
        const stored = await w.driver.get(jobs.map(({ id }) => id));
        const texts = new Map(stored.map((job) => [job.id, JSON.stringify(job.payload)]));
        assert.deepEqual(
          jobs.map(({ id }) => texts.get(id)),
          payloads.map((payload) => JSON.stringify(payload)),
        );
      }),
      { numRuns: 25, seed },
    );
  },
  "results, errors and progress notes come back exactly": async (w) => {
    for (const value of HARD) {
      const job = await w.start();
      assert.equal(await w.driver.progress(job, value), true);
      assert.equal(JSON.stringify((await w.job(job.id)).progress), JSON.stringify(value));
      await w.settle(job, { kind: "completed", result: value });
      assert.equal(JSON.stringify((await w.job(job.id)).result), JSON.stringify(value));
    }
    const error = {
      code: "x",
      message: '😀 \\ "quoted" \' \n line',
      stack: "a\n  b",
      causes: ["c"],
      deaths: 2,
      data: HARD,
    };
    const job = await w.start();
    await w.settle(job, { kind: "failed", error, permanent: true });
    assert.deepEqual((await w.job(job.id)).error, error);
  },
  "a job that is handed out is a copy": async (w) => {
    const given = w.make({ payload: { list: [1] }, options: { tags: ["a"] } });
    await w.insert(given);
    (given.payload as { list: number[] }).list.push(2);
    const seen = await w.job(given.id);
    assert.deepEqual(seen.payload, { list: [1] });
    seen.options.tags?.push("b");
    (seen.payload as { list: number[] }).list.push(3);
    const claimed = await w.claimOne();
    assert.deepEqual([claimed.payload, claimed.options], [{ list: [1] }, { tags: ["a"] }]);
    const result = { list: [1] };
    await w.settle(claimed, { kind: "completed", result });
    result.list.push(2);
    assert.deepEqual((await w.job(given.id)).result, { list: [1] });
  },
};

function storable(value: unknown): boolean {
  try {
    checkJson("payload", value, PAYLOAD_LIMITS);
    return true;
  } catch {
    return false;
  }
}
