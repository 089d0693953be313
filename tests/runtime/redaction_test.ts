import assert from "node:assert/strict";
import {
  defineJob,
  defineSchedule,
  discard,
  fail,
  type Handler,
  type Job,
  Jobd,
  type JobdError,
  type JobdEvent,
  type Logger,
  logging,
  REDACTED,
  redactionOf,
  snooze,
  type Span,
  tracing,
} from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { TestJobd } from "../../src/testing/mod.ts";
import { working } from "../support/working.ts";

const SECRET = 'tok_5b1c77e0/="x"';
const PIN = 48_151_623;
const payload = { token: SECRET, pin: PIN, to: "ada" };
const redact = ["token", "pin"];
const shown = { token: REDACTED, pin: REDACTED, to: "ada" };

/** Fails unless none of the values is in there, however it is spelled. */
function assertClean(what: unknown): void {
  const text = typeof what === "string" ? what : JSON.stringify(what);
  for (const value of [SECRET, "tok_5b1c", "77e0", String(PIN)]) {
    assert.ok(!text.includes(value), `${value} is in ${text}`);
  }
}

/** A logger that keeps its lines. */
function listening(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const level = (message: string, fields?: object): void =>
    void lines.push(JSON.stringify({ message, fields }));
  return { log: { debug: level, info: level, warn: level, error: level }, lines };
}

const once = { maxAttempts: 1 };

Deno.test("the handler gets the real values; whoever looks at the job does not, unless a program asks", async () => {
  const got: unknown[] = [];
  await using work = await working({
    pay: (job) => {
      got.push(job.payload);
      return { token: `${SECRET}-2`, receipt: `for ${SECRET}`, of: PIN };
    },
  });
  const enqueued = await work.jobd.enqueue({ type: "pay", payload, redact });
  assert.deepEqual(await work.until(enqueued.result()), {
    token: `${SECRET}-2`,
    receipt: `for ${SECRET}`,
    of: PIN,
  });
  assert.deepEqual(got, [payload]);
  const { jobs } = work.jobd;
  const { id } = enqueued;
  const result = { token: REDACTED, receipt: `for ${REDACTED}`, of: REDACTED };
  const looks = async (options?: { reveal: boolean }): Promise<Job[]> => [
    await jobs.get(id, options),
    await jobs.find(id.slice(-12), options),
    await enqueued.job(options),
    await jobs.wait(id, options),
    ...(await jobs.page({ limit: 10, ...options })).items,
    ...await Array.fromAsync(jobs.list({ type: "pay" }, options)),
  ];
  for (const job of [...await looks(), ...await looks({ reveal: false })]) {
    assert.deepEqual([job.payload, job.result, job.options.redact], [shown, result, ["pin", "token"]]);
    assertClean(job);
  }
  for (const job of await looks({ reveal: true })) {
    assert.deepEqual([job.payload, (job.result as { of: number }).of], [payload, PIN]);
  }
});

Deno.test("dead letters show no redacted value, nor does anything that their attempts have left behind", async () => {
  const { log, lines } = listening();
  const told: JobdEvent[] = [];
  const thrown: unknown[] = [];
  await using work = await working({
    pay: (job, { log, progress }) => {
      for (const letter of `paying with ${SECRET} now\n`) log(letter);
      log(SECRET.slice(0, 5), "stderr");
      log("between", "stdout");
      log(SECRET.slice(5), "stderr");
      log(JSON.stringify(job.payload));
      log("tok_5b");
      progress({ with: SECRET, [SECRET]: [PIN] });
      throw new Error(`refused ${SECRET}`, { cause: new Error(`pin ${PIN}`, { cause: SECRET }) });
    },
  }, { log, middleware: [logging(log)], onError: ({ error, thrown: by }) => void thrown.push(error, by) });
  const over = Promise.withResolvers<void>();
  await using _ = await work.jobd.on("job.*", (event) => {
    told.push(event);
    if (event.kind === "job.dead") over.resolve();
  });
  const job = await work.run("pay", { payload, redact, ...once, origin: SECRET });
  await work.until(over.promise);
  assert.equal(job.state, "dead");
  assert.deepEqual([job.error?.message, job.error?.causes], [
    `refused ${REDACTED}`,
    [`Error: pin ${REDACTED}`, REDACTED],
  ]);
  assert.ok(job.error?.stack?.includes("redaction_test"));
  const stored = await work.jobd.jobs.get(job.id, { reveal: true });
  assertClean([stored.error, stored.progress]);
  assert.deepEqual(stored.progress, { with: REDACTED, [REDACTED]: [REDACTED] });
  const { dead, executions } = work.jobd;
  const seen = [
    await dead.get(job.id),
    (await dead.page({ limit: 5 })).items,
    await Array.fromAsync(dead.list()),
    await work.jobd.jobs.executions(job.id),
    await Array.fromAsync(executions.list()),
  ];
  for (const one of seen) assertClean(one);
  assert.deepEqual((await dead.get(job.id, { reveal: true })).payload, payload);
  const chunks = await Array.fromAsync(work.jobd.jobs.logs(job.id));
  const printed = (stream: string): string =>
    chunks.filter((chunk) => chunk.stream === stream).map(({ text }) => text).join("");
  assertClean(printed("stdout").replace(/tok_5b$/, ""));
  assert.match(printed("stdout"), /^paying with \[redacted\] now\nbetween\{"token":"\[redacted\]",.*tok_5b$/);
  assert.equal(printed("stderr"), REDACTED);
  assert.ok(
    lines.some((line) => line.includes("Handler failed")) && lines.some((line) => /Attempt ended/.test(line)),
  );
  assertClean(lines);
  assertClean(told);
  // The program itself gets what was thrown as it is, beside the record that is kept.
  assertClean(thrown[0]);
  assert.equal((thrown[1] as Error).message, `refused ${SECRET}`);
});

Deno.test("what a handler gives as a reason is free of redacted values, whichever way it ends", async () => {
  const ends: Record<string, Handler["run"]> = {
    failed: () =>
      fail({ code: "e", message: SECRET, data: { pin: PIN } }, { cause: new Error(SECRET), permanent: true }),
    discarded: () => discard(SECRET),
    thrown: () => Promise.reject(discard(SECRET)),
    text: () => Promise.reject(SECRET),
    snoozed: ({ attempt }) => attempt === 1 ? snooze(1, `until ${SECRET} is valid`) : "done",
    long: () => Promise.reject(new Error("x".repeat(1_995) + SECRET + "y".repeat(5_000))),
  };
  await using work = await working(ends);
  for (const type of Object.keys(ends)) {
    const job = await work.run(type, { payload, redact, ...once });
    const stored = await work.jobd.jobs.get(job.id, { reveal: true });
    assertClean([stored.error, await work.jobd.jobs.executions(job.id)]);
    assertClean(await Array.fromAsync(work.jobd.jobs.logs(job.id)));
    assert.match(
      JSON.stringify([stored.error, await work.jobd.jobs.executions(job.id)]),
      /\[redacted\]/,
      type,
    );
  }
});

Deno.test("result() throws without redacted values", async () => {
  await using work = await working({ pay: () => Promise.reject(new Error(SECRET)) });
  const job = await work.jobd.enqueue({ type: "pay", payload, redact, ...once });
  await assert.rejects(work.until(job.result()), (error: JobdError) => {
    assertClean([error.message, error.cause]);
    return error.code === "job_failed" && error.message.endsWith(REDACTED);
  });
});

Deno.test("spans have no redacted values", async () => {
  const said: unknown[] = [];
  const span: Span = {
    setAttribute: (...fact) => said.push(fact),
    recordException: (error) =>
      void said.push(error instanceof Error ? [error.name, error.message, error.stack] : error),
    setStatus: (status) => said.push(status),
    end: () => {},
  };
  const tracer = {
    startActiveSpan: <T>(_name: string, options: object, run: (span: Span) => T): T => {
      said.push(options);
      return run(span);
    },
  };
  await using work = await working({
    thrown: () => Promise.reject(new TypeError(SECRET)),
    text: () => Promise.reject(SECRET),
    failed: () => fail({ code: "e", message: SECRET }),
  }, { middleware: [tracing(tracer)] });
  for (const type of ["thrown", "text", "failed"]) await work.run(type, { payload, redact, ...once });
  assertClean(said);
  assert.equal(JSON.stringify(said).split(REDACTED).length - 1, 2 + 1 + 2 + 1 + 0);
});

Deno.test("a definition names what its jobs redact; one job may add to it", async () => {
  const pay = defineJob<typeof payload>({ type: "pay", redact: ["token"], run: () => null });
  await using test = await TestJobd.open({ handlers: [pay] });
  const [one, two] = await test.jobd.enqueueMany(
    [
      { job: pay, payload },
      { job: pay, payload, redact: ["pin"] },
    ] as const,
  );
  assert.deepEqual((await one!.job()).payload, { ...payload, token: REDACTED });
  assert.deepEqual((await two!.job()).payload, shown);
  // The test sees its own data.
  assert.deepEqual(test.enqueued(pay).map((job) => job.payload), [payload, payload]);
  assert.throws(() => defineJob({ type: "a", redact: ["a..b"] }), /Invalid redact/);
});

Deno.test("a job that was made without the definition is free of its values where the worker has it", async () => {
  const pay = defineJob<typeof payload>({
    type: "pay",
    aliases: ["old"],
    redact: ["token"],
    middleware: [(job, { log }, next) => {
      log(redactionOf(job)?.text(`layer ${SECRET}\n`) ?? "");
      return next();
    }],
    run: (job, { log, progress }) => {
      log(`${job.payload.token} ${PIN}\n`);
      progress(job.payload.token);
      throw new Error(`${job.payload.token} ${PIN}`);
    },
  });
  for (const type of ["pay", "old"]) {
    const { log, lines } = listening();
    await using work = await working([pay], { log });
    // As SQL makes it: nothing is said about what is redacted, or less than the definition says.
    for (const own of [{}, { redact: ["pin"] }]) {
      const job = await work.run(type, { payload, ...own, ...once });
      const left = JSON.stringify([
        job.error,
        job.progress,
        await Array.fromAsync(work.jobd.jobs.logs(job.id)),
        lines,
      ]);
      assert.ok(!left.includes("tok_5b1c"), left);
      assert.deepEqual(job.options.redact, "redact" in own ? own.redact : undefined);
      assert.deepEqual(left.includes(String(PIN)), !("redact" in own));
      lines.length = 0;
    }
  }
});

Deno.test("an update keeps the list, adds to it, and replaces it together with the payload only", async () => {
  await using test = await TestJobd.open();
  const { jobs } = test.jobd;
  const { id } = await test.jobd.enqueue({ type: "a", payload, redact: ["token"] });
  const list = async (): Promise<unknown> => (await jobs.get(id)).options.redact;
  await jobs.update(id, { priority: 5 });
  assert.deepEqual(await list(), ["token"]);
  await jobs.update(id, { redact: [] });
  assert.deepEqual(await list(), ["token"]);
  await jobs.update(id, { redact: ["pin"] });
  assert.deepEqual(await list(), ["pin", "token"]);
  await jobs.update(id, { payload: { ...payload, to: "bob" } });
  assert.deepEqual((await jobs.get(id)).payload, { ...shown, to: "bob" });
  const read = (await jobs.get(id)).payload as object;
  await assert.rejects(jobs.update(id, { payload: { ...read, to: "eve" } }), (error: JobdError) => {
    return error.code === "conflict" && /holds "\[redacted\]" in the place of/.test(error.message);
  });
  const real = (await jobs.get(id, { reveal: true })).payload as object;
  await jobs.update(id, { payload: { ...real, to: "eve" } });
  await jobs.update(id, { payload: { other: 1 }, redact: ["other"] });
  assert.deepEqual((await jobs.get(id)).payload, { other: REDACTED });
  await jobs.update(id, { payload: { free: 1 }, redact: [] });
  const free = await jobs.get(id);
  assert.deepEqual([free.payload, free.options], [{ free: 1 }, {}]);
});

Deno.test("what takes the place of a payload brings its own list; a retry keeps the one that there is", async () => {
  await using work = await working({ a: () => discard("no") });
  const { jobd } = work;
  const unique = { key: "k", onConflict: "replace" } as const;
  const first = await jobd.enqueue({ type: "later", payload, redact, unique, delay: "1h" });
  const again = await jobd.enqueue({
    type: "later",
    payload: { key: SECRET },
    redact: ["key"],
    unique,
    delay: "1h",
  });
  assert.deepEqual([again.id, again.outcome], [first.id, "replaced"]);
  assert.deepEqual((await first.job()).payload, { key: REDACTED });
  await jobd.enqueue({ type: "later", payload: { free: 1 }, unique, delay: "1h" });
  assert.deepEqual([(await first.job()).payload, (await first.job()).options.redact], [
    { free: 1 },
    undefined,
  ]);
  await jobd.enqueue({
    type: "later",
    payload,
    redact,
    unique: { ...unique, replace: ["priority"] },
    priority: 3,
    delay: "1h",
  });
  assert.deepEqual([(await first.job()).payload, (await first.job()).options.redact], [
    { free: 1 },
    undefined,
  ]);
  const dead = await work.run("a", { payload, redact });
  await jobd.dead.retry(dead.id);
  assert.deepEqual((await work.until(jobd.jobs.wait(dead.id))).payload, shown);
});

Deno.test("a search does not find a job by what it redacts, letter by letter or as a whole", async () => {
  await using work = await working({ a: () => discard(`refused ${SECRET} for ada`) });
  await work.run("a", { payload, redact });
  await work.jobd.enqueue({ type: "open", payload: { to: "ada" } });
  const found = async (search: string): Promise<string[]> =>
    (await Array.fromAsync(work.jobd.jobs.list({ search }))).map(({ type }) => type).sort();
  for (const text of ["tok_", SECRET, String(PIN), "token"]) assert.deepEqual(await found(text), []);
  assert.deepEqual(await found('"to"'), ["open"]);
  assert.deepEqual(await found("for ada"), ["a"]);
});

Deno.test("follow-ups and parents: each job has its own list", async () => {
  const child = defineJob<{ key: string }>({ type: "child", redact: ["key"], run: () => "done" });
  const seen: unknown[] = [];
  await using work = await working([child, {
    type: "parent",
    run: async (job, { enqueue }) => {
      await enqueue(child, { key: (job.payload as typeof payload).token });
      return { token: SECRET };
    },
  }, {
    type: "after",
    run: async (_, { parents }) => void seen.push((await parents())[0]?.result),
  }]);
  const parent = await work.run("parent", { payload, redact });
  assert.deepEqual(parent.result, { token: REDACTED });
  await work.run("after", { after: parent.id });
  assert.deepEqual(seen, [{ token: SECRET }]);
  const [made] = await Array.fromAsync(work.jobd.jobs.list({ type: "child" }));
  assert.deepEqual([made?.payload, made?.options.redact], [{ key: REDACTED }, ["key"]]);
});

Deno.test("schedules show their job without redacted values, pass the list on, and lose nothing when changed", async () => {
  const pay = defineJob<typeof payload>({ type: "pay", redact, run: () => null });
  const daily = defineSchedule({ name: "daily", cron: "@daily", job: pay, payload });
  await using test = await TestJobd.open({ handlers: [pay] });
  const { schedules } = test.jobd;
  const created = await schedules.create("own", {
    every: "1h",
    job: { type: "pay", payload, redact, tags: [SECRET] },
  });
  await schedules.declare([daily]);
  const views = [
    created,
    await schedules.get("own"),
    ...await schedules.list(),
    await schedules.update("own", { jitter: "5s" }),
    await schedules.pause("own"),
    await schedules.resume("own"),
  ];
  for (const view of views) {
    assert.deepEqual(view.spec.job?.payload, shown);
    assertClean(view);
  }
  const real = await schedules.get("own", { reveal: true });
  assert.deepEqual([real.spec.job?.payload, real.spec.job?.tags], [payload, [SECRET]]);
  assert.equal((await schedules.list({ reveal: true })).length, 2);
  const { job } = (await schedules.get("own")).spec;
  await assert.rejects(
    schedules.update("own", { job: { ...job, queue: "q" } }),
    /in the place of a redacted value/,
  );
  const run = await schedules.run("daily");
  assert.deepEqual((await run?.job())?.payload, shown);
  assert.deepEqual((await run?.job({ reveal: true }))?.payload, payload);
});

Deno.test("a program may name keys that nobody sees in any job", async () => {
  const driver = new MemoryDriver({ now: () => 1_000 });
  await using jobd = await Jobd.open(driver, { redactKeys: ["api-key", "password"] });
  const given = { db: { password: "x2" }, to: "ada", apiKey: 7 };
  const { id } = await jobd.enqueue({ type: "a", payload: given });
  const job = { type: "a", payload: given };
  const schedule = await jobd.schedules.create("s", { every: "1h", job });
  const without = { db: { password: REDACTED }, to: "ada", apiKey: REDACTED };
  assert.deepEqual([(await jobd.jobs.get(id)).payload, schedule.spec.job?.payload], [without, without]);
  assert.deepEqual((await jobd.jobs.get(id, { reveal: true })).payload, given);
  assert.deepEqual((await jobd.schedules.get("s", { reveal: true })).spec.job, job);
  await using tenant = await jobd.forNamespace("tenant");
  const { id: theirs } = await tenant.enqueue({ type: "a", payload: given });
  assert.deepEqual((await tenant.jobs.get(theirs)).payload, without);
  await using other = await Jobd.open(driver);
  assert.deepEqual((await other.jobs.get(id)).payload, given);
  await assert.rejects(Jobd.open(new MemoryDriver(), { redactKeys: [""] }), /Invalid redactKeys/);
});

Deno.test("a handler of groups leaves no redacted value of any of its jobs behind, whichever job it blames", async () => {
  const [one, two] = ["first-secret-4711", "second-secret-4712"];
  const lines: string[] = [];
  const push = defineJob<{ token: string }>({
    type: "push",
    group: { key: () => "all", size: 2, maxAge: "1h" },
    maxAttempts: 1,
    redact: ["token"],
    runGroup: (jobs, { log }) => {
      log(`tokens ${jobs.map(({ payload }) => payload.token).join(" and ")}\n`);
      return jobs.map((_, at) => new Error(`refused with ${at === 0 ? two : one}`));
    },
  });
  await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
  const made = [await jobd.enqueue(push, { token: one }), await jobd.enqueue(push, { token: two })];
  const worker = jobd.worker({ handlers: [push] });
  await worker.start();
  for (const { id } of made) {
    const { error } = await jobd.jobs.wait(id);
    assert.equal(error?.message, "refused with [redacted]");
    for await (const { text } of jobd.jobs.logs(id)) lines.push(text);
  }
  assert.deepEqual(lines, ["tokens [redacted] and [redacted]\n"]);
  const shown = await jobd.groups.jobs({ key: "all" });
  assert.deepEqual(shown.map(({ payload }) => payload), [{ token: "[redacted]" }, { token: "[redacted]" }]);
  await worker.stop();
});
