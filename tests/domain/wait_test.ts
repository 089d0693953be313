import assert from "node:assert/strict";
import { blockedBy, isOpen, type JobWait, planAnswer, waitStatus } from "../../src/domain/wait.ts";
import { isToken, isTokenOf, makeToken, readToken } from "../../src/domain/wait_token.ts";
import { exampleJob } from "../support/example_job.ts";

const ID = "01900000-0000-7000-8000-00000000abcd";
const NOW = 1_000;

function wait(over: Partial<JobWait> = {}): JobWait {
  return {
    jobId: ID,
    name: "approval",
    kind: "answer",
    openedAt: 0,
    askedAt: 0,
    until: null,
    answeredAt: null,
    answerKey: null,
    value: null,
    timedOutAt: null,
    ...over,
  };
}

Deno.test("why a job is blocked is told apart in one place", () => {
  const cases = [
    [{ state: "blocked", attempt: 0, waitingFor: null }, "jobs"],
    [{ state: "blocked", attempt: 1, waitingFor: null }, "limit"],
    [{ state: "blocked", attempt: 1, waitingFor: "approval" }, "wait"],
    [{ state: "blocked", attempt: 0, waitingFor: null, gathering: true }, "group"],
    [{ state: "blocked", attempt: 1, waitingFor: null, gathering: true }, "group"],
    [{ state: "available", attempt: 1, waitingFor: "approval" }, null],
  ] as const;
  for (const [job, reason] of cases) assert.equal(blockedBy(job), reason);
});

Deno.test("an answer is taken once, in time, by a job that has not ended", () => {
  const answer = { name: "approval", value: 1, key: "k" };
  const plan = (known: JobWait | undefined, state: "running" | "dead" = "running", key = "k") =>
    planAnswer(exampleJob({ state }), known, { ...answer, key }, NOW).kind;
  assert.equal(plan(undefined), "change");
  assert.equal(plan(wait()), "change");
  assert.equal(plan(wait({ until: NOW + 1 })), "change");
  assert.equal(plan(wait({ until: NOW })), "refused");
  assert.equal(plan(wait({ timedOutAt: 500, until: 500 })), "refused");
  assert.equal(plan(wait({ answeredAt: 500, answerKey: "k" })), "done");
  assert.equal(plan(wait({ answeredAt: 500, answerKey: "k" }), "running", "other"), "refused");
  assert.equal(plan(wait({ kind: "sleep", until: NOW })), "done");
  assert.equal(plan(wait(), "dead"), "refused");
});

Deno.test("a wait is open, answered, timed out, or the sleep is over", () => {
  assert.equal(waitStatus(wait(), NOW), "open");
  assert.equal(waitStatus(wait({ answeredAt: 1 }), NOW), "answered");
  assert.equal(waitStatus(wait({ until: NOW }), NOW), "timed_out");
  assert.equal(waitStatus(wait({ until: NOW, kind: "sleep" }), NOW), "over");
  assert.equal(isOpen(wait({ until: NOW }), NOW - 1), true);
});

Deno.test("a token is bound to its secret, its job and its name, and has one spelling", async () => {
  const text = await makeToken("secret", ID, "approval");
  assert.equal(text, await makeToken("secret", ID, "approval"));
  assert.ok(isToken(text) && !isToken(ID));
  const token = readToken(text);
  assert.ok(token !== undefined);
  assert.equal(token.jobId, ID);
  assert.equal(await isTokenOf(token, "secret", "approval"), true);
  assert.equal(await isTokenOf(token, "secret", "other"), false);
  assert.equal(await isTokenOf(token, "another secret", "approval"), false);
  const other = readToken(await makeToken("secret", ID.replace("abcd", "abce"), "approval"));
  assert.ok(other !== undefined);
  assert.equal(await isTokenOf({ ...other, jobId: ID }, "secret", "approval"), false);
  for (const bad of ["", "wait_", text.slice(0, -1), `${text}A`, text.replace("wait_", "")]) {
    assert.equal(readToken(bad), undefined, bad);
  }
  // Every other spelling of the last character is another token.
  for (const last of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
    const spelled = readToken(text.slice(0, -1) + last);
    assert.equal(
      spelled !== undefined && await isTokenOf(spelled, "secret", "approval"),
      text.endsWith(last),
    );
  }
});
