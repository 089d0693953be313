import assert from "node:assert/strict";
import { discard, type Job, Jobd, type JobdError, REDACTED } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { TestJobd } from "../../src/testing/mod.ts";

const SECRET = "tok_5b1c77e0";
const payload = { token: SECRET, to: "ada" };
const redact = ["token"];
const shown = { token: REDACTED, to: "ada" };

Deno.test("answers are shown without redacted values; the handler gets them as they were given", async () => {
  const got: unknown[] = [];
  await using test = await TestJobd.open({
    handlers: {
      ask: async (_, { waitFor }) => {
        got.push(await waitFor("approval"));
        return null;
      },
    },
  });
  const { jobd } = test;
  const { id } = await jobd.enqueue({ type: "ask", payload, redact });
  await test.drain();
  const answer = { by: "eve", seen: `it was ${SECRET}` };
  await jobd.waits.resume(id, answer);
  const listed = await jobd.waits.list(id);
  assert.deepEqual(listed.map(({ value }) => value), [{ by: "eve", seen: `it was ${REDACTED}` }]);
  assert.deepEqual((await jobd.waits.list(id, { reveal: true })).map(({ value }) => value), [answer]);
  await test.drain();
  assert.deepEqual(got, [answer]);
});

Deno.test("a job that is failed or completed from outside keeps no redacted value in its error, and shows none", async () => {
  const told: string[] = [];
  await using test = await TestJobd.open({
    handlers: {
      ask: async (_, { waitToken, waitFor }) => {
        told.push((await waitToken("approval")).token);
        return await waitFor("approval");
      },
    },
  });
  const { jobd } = test;
  const made = await jobd.enqueueMany([1, 2, 3].map(() => ({ type: "ask", payload, redact })));
  const [one, two, three] = made.map(({ id }) => id) as [string, string, string];
  await test.drain();
  await jobd.waits.fail(one, `refused ${SECRET}`);
  const tokenOfTwo = told.find((token) => token.includes(two)) ?? told[1]!;
  const { jobId } = await jobd.waits.fail(tokenOfTwo, {
    code: "no",
    message: SECRET,
    causes: [SECRET],
    data: { SECRET },
  });
  for (const id of [one, jobId]) {
    const { state, error } = await jobd.jobs.get(id, { reveal: true });
    assert.equal(state, "dead");
    assert.ok(
      JSON.stringify(error).includes(REDACTED) && !JSON.stringify(error).includes(SECRET),
      JSON.stringify(error),
    );
  }
  const left = [two, three].find((id) => id !== jobId)!;
  await jobd.waits.complete(left, { token: "minted-token", note: SECRET });
  assert.deepEqual((await jobd.jobs.get(left)).result, { token: REDACTED, note: REDACTED });
});

const KEYS = { keys: { k1: btoa("k".repeat(32)) }, current: "k1" };

for (const encrypt of [false, true]) {
  const how = encrypt ? "stored encrypted" : "in plain text";
  Deno.test(`a payload ${how} that was read as it is shown is refused by an update and by a retry with edits`, async () => {
    await using jobd = await Jobd.open(new MemoryDriver({ now: () => 1_000 }), { encryption: KEYS });
    const refused = (error: JobdError): boolean =>
      error.code === "conflict" &&
      /holds "\[redacted\]" in the place of a redacted value/.test(error.message);
    const { id } = await jobd.enqueue({ type: "pay", payload, redact, encrypt });
    const view = (await jobd.jobs.get(id)).payload as object;
    assert.deepEqual(view, shown);
    const edit = { payload: { ...view, to: "bob" } };
    await assert.rejects(jobd.jobs.update(id, edit), refused);
    await jobd.jobs.archive(id);
    await assert.rejects(jobd.jobs.retry(id, { update: edit }), refused);
    await assert.rejects(jobd.dead.retry(id, { update: edit }), refused);
    const { succeeded, failed } = await jobd.dead.retry({ type: "pay" }, { update: edit });
    assert.deepEqual([succeeded, failed.map((one) => one.id)], [[], [id]]);
    const real = (await jobd.jobs.get(id, { reveal: true })).payload as object;
    await jobd.dead.retry(id, { update: { payload: { ...real, to: "bob" } } });
    const again = await jobd.jobs.get(id);
    assert.deepEqual([again.state, again.payload, again.options.redact], ["available", {
      ...shown,
      to: "bob",
    }, redact]);
    assert.deepEqual((await jobd.jobs.get(id, { reveal: true })).payload, { ...payload, to: "bob" });
  });

  Deno.test(`an attempt of a job ${how} leaves no redacted value behind`, async () => {
    await using test = await TestJobd.open({
      handlers: {
        pay: (job: Job, { log, progress }) => {
          const { token } = job.payload as typeof payload;
          log(`with ${token}`);
          progress({ token });
          return discard(`refused ${token}`);
        },
      },
    });
    const { jobd } = test;
    const { id } = await jobd.enqueue({ type: "pay", payload, redact, encrypt });
    await test.drain();
    const job = await jobd.jobs.get(id, { reveal: true });
    assert.deepEqual([job.payload, job.error?.message, job.progress], [
      payload,
      `refused ${REDACTED}`,
      { token: REDACTED },
    ]);
    assert.equal(job.options.encrypted !== undefined, encrypt);
    const log = await Array.fromAsync(jobd.jobs.logs(id));
    assert.deepEqual(log.map(({ text }) => text), [`with ${REDACTED}`]);
  });
}
