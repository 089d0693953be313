import assert, { AssertionError } from "node:assert/strict";
import { z } from "zod";
import { defineJob } from "../../src/mod.ts";
import { type ExpectedJob, TestJobd } from "../../src/testing/mod.ts";

const sendMail = defineJob({
  type: "mail.send",
  payload: z.object({ to: z.email(), copies: z.number().optional(), cc: z.array(z.string()).optional() }),
  queue: "mails",
});

async function world() {
  const test = await TestJobd.open();
  await test.jobd.enqueue(sendMail, { to: "ada@example.com", copies: 2, cc: ["a", "b"] }, {
    delay: "1h",
    priority: "high",
    tags: ["welcome", "new"],
    uniqueKey: "ada",
    origin: "web",
    maxAttempts: 3,
    meta: { tenant: { id: 7 } },
    headers: { "X-Request-Id": "4711" },
  });
  await test.jobd.enqueue(sendMail, { to: "bob@example.com" });
  await test.jobd.enqueue({ type: "report", payload: [1, { pages: 3 }] });
  return test;
}

const message = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof AssertionError);
    return error.message;
  }
  return assert.fail("it did not fail");
};

Deno.test("assertEnqueued() finds jobs by any part of them", async () => {
  await using test = await world();
  const right: ExpectedJob<{ to: string }>[] = [
    {},
    { payload: { to: "ada@example.com" } },
    { payload: { to: /^ADA@/i } },
    { payload: { to: (to) => to.startsWith("ada") } },
    { payload: ({ to }) => to === "ada@example.com" },
    { priority: "high" },
    { priority: 10 },
    { tags: ["welcome"] },
    { delay: "1h" },
    { delay: "59m", within: "1m" },
    { runAt: "2026-01-01T01:00:00Z" },
    { runAt: new Date("2026-01-01T01:00:05Z"), within: "5s" },
    { uniqueKey: "ada", origin: /^w/, maxAttempts: 3, queue: "mails", meta: { tenant: { id: 7 } } },
    { headers: { "x-request-id": /^47/ } },
  ];
  for (const expected of right) {
    const [job] = test.assertEnqueued(sendMail, expected);
    assert.equal(job?.options.uniqueKey, "ada", JSON.stringify(expected));
  }
  const wrong: ExpectedJob<{ to: string }>[] = [
    { payload: { to: "eve@example.com" } },
    { payload: { to: /nobody/ } },
    { payload: { to: () => false } },
    { priority: 11 },
    { priority: "low" },
    { tags: ["welcome", "old"] },
    { delay: "59m" },
    { delay: "58m", within: "1m" },
    { runAt: "2026-01-01T01:00:01Z" },
    { uniqueKey: "bob" },
    { origin: "api" },
    { maxAttempts: 4 },
    { queue: "other" },
    { meta: { tenant: { id: 8 } } },
    { headers: { "x-request-id": "4712" } },
  ];
  for (const expected of wrong) {
    assert.throws(() => test.assertEnqueued(sendMail, expected), AssertionError, JSON.stringify(expected));
    test.refuteEnqueued(sendMail, expected);
  }
  test.assertEnqueued({ type: "report", payload: [1, { pages: (pages: number) => pages > 2 }] });
  test.refuteEnqueued({ type: "report", payload: [1] });
  test.refuteEnqueued({ type: "report", payload: { pages: 3 } });
  test.refuteEnqueued(sendMail, { payload: { cc: ["a"] } });
  test.assertEnqueued(sendMail, { payload: { to: /bob/, copies: undefined } });
  assert.throws(() => test.refuteEnqueued(sendMail), AssertionError);
  assert.throws(() => test.refuteEnqueued(), AssertionError);
});

Deno.test("assertEnqueued() counts, and gives what it found", async () => {
  await using test = await world();
  assert.equal(test.assertEnqueued(sendMail, { count: 2 }).length, 2);
  test.assertEnqueued({ type: "nothing", count: 0 });
  assert.match(
    message(() => test.assertEnqueued(sendMail, { count: 1 })),
    /exactly 1 job .*\nThere are 2\.\n3 jobs/,
  );
  assert.match(message(() => test.assertEnqueued(sendMail, { count: 3 })), /exactly 3 jobs/);
  assert.deepEqual(test.enqueued(sendMail).map(({ payload }) => (payload as { to: string }).to), [
    "ada@example.com",
    "bob@example.com",
  ]);
  assert.deepEqual([test.enqueued().length, test.enqueued({ queue: "default" }).length], [3, 1]);
  test.forgetEnqueued();
  test.refuteEnqueued();
  assert.equal(
    message(() => test.assertEnqueued(sendMail)),
    'Expected a job to be enqueued: type "mail.send"\nNothing was enqueued.',
  );
});

Deno.test("the message of a failure shows what was enqueued, and how the nearest job is different", async () => {
  await using test = await world();
  const expected = {
    payload: { to: "bob@example.com", copies: 3 },
    priority: 5,
    delay: "1m",
    within: "1s",
  } as const;
  assert.equal(
    message(() => test.assertEnqueued(sendMail, expected)),
    `Expected a job to be enqueued: type "mail.send", payload { to: "bob@example.com", copies: 3 }, priority 5, delay "1m", within "1s"
The nearest one is mail.send {"to":"bob@example.com"} queue mails
    priority is 0, expected 5
    payload.copies is absent, expected 3
    delay is 0s, expected 1m, give or take 1s
3 jobs were enqueued:
    1. mail.send {"to":"ada@example.com","copies":2,"cc":["a","b"]} queue mails priority 10 delay 1h unique "ada" tags ["welcome","new"]
    2. mail.send {"to":"bob@example.com"} queue mails
    3. report [1,{"pages":3}]`,
  );
  assert.match(
    message(() => test.assertEnqueued({ type: "mail" })),
    /type is "report", expected "mail"|type is "mail.send", expected "mail"/,
  );
  assert.match(
    message(() => test.refuteEnqueued(sendMail, { tags: ["new"] })),
    /^Expected no job .*tags \["new"\]\n1 job was enqueued:\n {4}1\. mail\.send/,
  );
});

Deno.test("a mistake in what is expected is said, not taken for a job that is missing", async () => {
  await using test = await world();
  const cases: unknown[] = [{ tag: ["new"] }, { count: -1 }, { delay: "soon" }, { priority: "urgent" }, {
    runAt: "never",
  }];
  for (const expected of cases) {
    assert.throws(() => test.assertEnqueued(sendMail, expected as ExpectedJob), { code: "invalid_request" });
  }
});

Deno.test("what is enqueued with an end is seen once it has happened, a job that was there already is not", async () => {
  const child = defineJob<number>({ type: "child" });
  await using test = await TestJobd.open({
    handlers: {
      parent: async ({ attempt }, { enqueue }) => {
        await enqueue(child, attempt, { uniqueKey: "one" });
        if (attempt === 1) throw new Error("no");
      },
    },
  });
  await test.jobd.enqueueMany([{ type: "parent" }, { type: "parent" }]);
  await test.drain();
  test.refuteEnqueued(child);
  await test.drain({ withScheduled: true });
  test.assertEnqueued(child, { payload: 2, count: 1 });
  assert.equal((await test.jobd.enqueue(child, 9, { uniqueKey: "one" })).outcome, "existing");
  test.refuteEnqueued(child, { payload: 9 });
});

Deno.test("types: patterns are those of the payload", async () => {
  await using test = await world();
  const typed = (): void => {
    // @ts-expect-error: there is no such field
    test.assertEnqueued(sendMail, { payload: { too: "x" } });
    // @ts-expect-error: it is a number
    test.assertEnqueued(sendMail, { payload: { copies: "2" } });
    test.assertEnqueued(sendMail, { payload: { copies: (copies) => copies !== undefined && copies > 1 } });
  };
  assert.throws(typed, AssertionError);
});
