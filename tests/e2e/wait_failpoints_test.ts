import assert from "node:assert/strict";
import { amendmentOf } from "../../src/domain/amendment.ts";
import type { Job } from "../../src/domain/job.ts";
import { newJob } from "../../src/domain/request.ts";
import { complete, park } from "../../src/domain/transition.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { openDriver } from "../../src/storage/open.ts";
import { idOf } from "../conformance/world.ts";
import { BACKENDS, Fleet, PERMISSIONS } from "./fleet.ts";

const T = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const PROGRAM = new URL("./dying_wait.ts", import.meta.url).pathname;

/** What is done by the process that dies. */
type Deed = "park" | "answer" | "end";

/** Runs the program that dies, or says "done". */
async function run(args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", ...PERMISSIONS, PROGRAM, ...args],
    stdin: "null",
  }).output();
  assert.ok(code === 0 || code === 137, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** A job whose handler runs and has asked for its answer. */
async function asking(driver: Driver, number: number): Promise<Job> {
  const id = idOf(number);
  await driver.insert([newJob({ type: "t" }, { now: T, id, maxAttempts: 1 })]);
  const job = await claim(driver);
  assert.equal(job?.id, id);
  await driver.openWait(job, { name: "approval", kind: "answer", at: T, ask: true, until: T + MINUTE });
  return job;
}

async function claim(driver: Driver): Promise<Job | undefined> {
  const wanted = { worker: "w", namespace: "default", queues: "all", types: "all", limit: 1 } as const;
  return (await driver.claim({ ...wanted, now: T, expiresAt: T + 10 * MINUTE })).jobs[0];
}

/** Whether what was done is there: all of it, or nothing. */
async function isDone(driver: Driver, deed: Deed, id: string): Promise<boolean> {
  const [job] = await driver.get([id]);
  const [wait] = await driver.waits(id);
  assert.ok(job !== undefined && wait !== undefined);
  if (deed === "park") {
    assert.deepEqual((await driver.executions(id)).length, 1);
    return job.state === "blocked";
  }
  const over = deed === "answer" ? wait.answeredAt !== null : wait.timedOutAt !== null;
  assert.equal(job.state, over ? "available" : "blocked", "the wait and its job");
  return over;
}

for (const backend of BACKENDS) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`${backend}: kill -9 ${when} each statement of parking a job, of its answer and of its end: no wake-up is lost`, async () => {
      await using fleet = await Fleet.of(backend);
      const driver = await openDriver(fleet.url, {});
      let number = 0;
      for (const deed of ["park", "answer", "end"] as const) {
        let killed = 0;
        for (let nth = 1;; nth++) {
          const running = await asking(driver, ++number);
          const { id } = running;
          if (deed !== "park") {
            await driver.settle({
              transitions: [park(running, T, "approval")],
              close: [running.leaseId ?? ""],
            });
          }
          const now = deed === "end" ? T + MINUTE : T + 1;
          const answer = await run([fleet.url, `${nth}`, when, deed, id, `${now}`]);
          if (answer === "done") assert.ok(await isDone(driver, deed, id));
          // Whoever comes next finishes what is left, and the job goes on, once.
          if (!await isDone(driver, deed, id)) {
            assert.equal(await run([fleet.url, "1000000", when, deed, id, `${now}`]), "done");
            assert.ok(await isDone(driver, deed, id), `killed ${when} statement ${nth} of ${deed}`);
          }
          await goesOn(driver, id);
          if (answer === "done") break;
          killed++;
        }
        assert.ok(killed >= 3, `only ${killed} statements of ${deed} were met`);
      }
      await driver.close();
    });
  }
}

/** Answers what was not answered; then the job runs once more, and ends. */
async function goesOn(driver: Driver, id: string): Promise<void> {
  const [job] = await driver.get([id]);
  if (job?.state === "blocked") {
    const change = { kind: "answer", answer: { name: "approval", value: 1 } } as const;
    assert.deepEqual(await driver.amend([amendmentOf(job, T + 2, change)]), ["applied"]);
  }
  const next = await claim(driver);
  assert.equal(next?.id, id);
  await driver.settle({ transitions: [complete(next, T + 3, null)], close: [next.leaseId ?? ""] });
  assert.equal(await claim(driver), undefined);
}
