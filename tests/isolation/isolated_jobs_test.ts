import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Driver, type Job, Jobd, JobdError, type LogChunk, type WorkerOptions } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { ProcTable } from "../../src/runtime/process/proc_table.ts";
import { Scanner } from "../../src/runtime/process/table.ts";
import { alive, until } from "../support/process_probe.ts";
import { type Working, working } from "../support/real_time.ts";

const MODULE = fileURLToPath(new URL("./jobs.ts", import.meta.url));

/** A worker for the test's module, and proof that none of its processes outlives it. */
async function isolated(options: Partial<WorkerOptions> = {}): Promise<Working> {
  const work = await working([], { modules: [MODULE], shutdownTimeoutMs: 0, ...options });
  return {
    ...work,
    async [Symbol.asyncDispose]() {
      await work[Symbol.asyncDispose]();
      assert.deepEqual(await children(), []);
    },
  };
}

/** The processes that this one has started for modules. */
async function children(): Promise<number[]> {
  const rows = await new Scanner(new ProcTable()).rows();
  return rows.filter(({ ppid, attempt }) => ppid === Deno.pid && attempt?.startsWith("isolated=")).map((
    { pid },
  ) => pid);
}

async function logOf({ jobd }: Working, { id }: Job): Promise<LogChunk[]> {
  return await Array.fromAsync(jobd.jobs.logs(id));
}

function text(chunks: LogChunk[], stream: LogChunk["stream"]): string {
  return chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.text).join("");
}

/** Waits until a job has printed the number of its process. */
async function pidOf(work: Working, id: string): Promise<number> {
  let pid = NaN;
  await until("the job has said its process", async () => {
    const said = text(await Array.fromAsync(work.jobd.jobs.logs(id)), "stdout");
    pid = Number(/(?:looping|waiting) (\d+)/.exec(said)?.[1]);
    return !Number.isNaN(pid);
  });
  return pid;
}

Deno.test("everything of the context works across the process, and follow-ups exist with the end", async () => {
  await using work = await isolated();
  const job = await work.run("all", { maxAttempts: 2 });
  assert.equal(job.state, "completed");
  assert.deepEqual(job.result, {
    kept: { attempt: 1 },
    made: { by: 1 },
    later: true,
    id: 36,
    fails: false,
    near: true,
  });
  assert.deepEqual(job.progress, { half: true });
  assert.deepEqual([job.error?.message, job.error?.causes], ["again", ["RangeError: because"]]);
  assert.match(job.error?.stack ?? "", /jobs\.ts:\d+/);
  const chunks = await logOf(work, job);
  assert.equal(text(chunks, "stdout"), "from log\nfrom console\n".repeat(2));
  assert.equal(text(chunks, "stderr"), "from error\n".repeat(2));
  assert.equal(text(chunks, "system"), "a note\n".repeat(2));
  // The attempt that failed has enqueued nothing.
  const followers = await Array.fromAsync(work.jobd.jobs.list({ type: "follow" }));
  assert.equal(followers.length, 1);
  assert.equal((await work.jobd.jobs.wait(followers[0]!.id)).result, 42);
});

Deno.test("an isolated job reads what those gave that it came after", async () => {
  await using work = await isolated();
  const parent = await work.jobd.enqueue({ type: "follow", payload: 6 });
  const { result } = await work.run("reads", { after: parent });
  assert.deepEqual(result, [["follow", 7]]);
});

Deno.test("an isolated job adds jobs to its batch", async () => {
  await using work = await isolated();
  const batch = await work.jobd.batch([{ type: "member", payload: 2 }]);
  const { state, counts } = await batch.wait();
  assert.deepEqual([state, counts.completed], ["completed", 3]);
  const results = await Array.fromAsync(work.jobd.batches.jobs(batch), ({ result }) => result);
  assert.deepEqual(results, [batch.id, batch.id, batch.id]);
});

Deno.test("headers reach an isolated handler, and its follow-ups have their own", async () => {
  await using work = await isolated();
  const { result } = await work.run("headed", { headers: { "X-Request-Id": "4711" } });
  assert.deepEqual(result, { "x-request-id": "4711" });
  const [follower] = await Array.fromAsync(work.jobd.jobs.list({ type: "follow" }));
  assert.deepEqual(follower?.options.headers, { "x-from": "4711" });
});

Deno.test("what an isolated definition redacts gets no further than its process", async () => {
  await using work = await isolated();
  const token = "tok_5b1c77e0";
  // Also of a job that does not say so itself, as one that SQL has made.
  for (const redact of [["token"], []]) {
    const job = await work.run("spills", { payload: { token }, maxAttempts: 1, redact });
    const chunks = await logOf(work, job);
    assert.equal(text(chunks, "stdout"), "printed [redacted]\n");
    assert.equal(text(chunks, "stderr"), "[redacted]\n");
    assert.equal(text(chunks, "system"), "[redacted]\n");
    assert.deepEqual(job.progress, { token: "[redacted]" });
    assert.deepEqual([job.error?.message, job.error?.causes], ["thrown [redacted]", ["Error: [redacted]"]]);
    assert.ok(!JSON.stringify(job.error).includes("tok_5b1c"));
  }
});

Deno.test("steps throw what their work threw, and refuse what is no JSON", async () => {
  await using work = await isolated();
  const { result } = await work.run("steps");
  assert.deepEqual(result, { own: true, json: "invalid_request", empty: true, checkpoint: true });
});

Deno.test("payloads are checked in the process, which gets what the validator makes of them", async () => {
  await using work = await isolated();
  assert.equal((await work.run("checked.old", { payload: 7 })).result, "number 7");
  const job = await work.run("checked", { payload: "seven", maxAttempts: 5 });
  assert.deepEqual([job.state, job.attempt, job.error?.code], ["dead", 1, "invalid_payload"]);
});

Deno.test("every way to end an attempt means the same as in the worker's own process", async () => {
  await using work = await isolated();
  const after = async (payload: string): Promise<Job> => {
    const { id } = await work.jobd.enqueue({ type: "ends", payload, maxAttempts: 3 });
    await until(`${payload} has ended once`, async () => {
      const { state, attempt } = await work.jobd.jobs.get(id);
      return attempt === 1 && state !== "running";
    });
    return await work.jobd.jobs.get(id);
  };
  const snoozed = await after("snooze");
  assert.deepEqual([snoozed.state, snoozed.failures], ["scheduled", 0]);
  assert.equal((await after("retryAt")).runAt, Date.parse("2100-01-01T00:00:00Z"));
  const discarded = await after("discard");
  assert.deepEqual([discarded.state, discarded.error?.code], ["dead", "discarded"]);
  const transient = await after("transient");
  assert.deepEqual([transient.state, transient.failures, transient.error?.retryInMs], [
    "scheduled",
    0,
    3_600_000,
  ]);
  const own = await after("own");
  assert.deepEqual([own.error?.code, own.error?.data, own.error?.retryInMs], ["own", { deep: [1] }, 12_345]);
  assert.deepEqual((await work.run("ends", { payload: "text", maxAttempts: 1 })).error, {
    code: "error",
    message: "just a text",
  });
  const typed = await work.run("ends", { payload: "typed", maxAttempts: 1 });
  assert.deepEqual([typed.error?.code, typed.error?.message], ["E_TYPED", "typed"]);
});

Deno.test("an error handler and middleware of the worker see the error of the other process", async () => {
  const seen: unknown[] = [];
  await using work = await isolated({
    onError: ({ thrown }) => seen.push(thrown),
    middleware: [async (_job, _context, next) => {
      try {
        return await next();
      } catch (thrown) {
        seen.push((thrown as Error).name);
        throw thrown;
      }
    }],
  });
  await work.run("ends", { payload: "typed", maxAttempts: 1 });
  assert.equal(seen[0], "TypeError");
  assert.ok(seen[1] instanceof Error);
});

Deno.test("nothing that a handler prints breaks the protocol, and all of it is in the log in order", async () => {
  await using work = await isolated();
  const job = await work.run("noise", { payload: { big: "é\n".repeat(50_000) } });
  assert.equal(job.state, "completed");
  assert.deepEqual(job.result, { big: "é\n".repeat(50_000) });
  const chunks = await logOf(work, job);
  const out = text(chunks, "stdout");
  const said = [...out.matchAll(/^line (\d+) x{50}$/gm)].map((match) => Number(match[1]));
  // The first of them follows on bytes that are no text, on the same line.
  assert.deepEqual(said, Array.from({ length: 1_999 }, (_, index) => index + 1));
  assert.ok(
    out.includes('"forged"') && out.endsWith("in between\nno line end \u{1F600} \uFFFD\n"),
    out.slice(-100),
  );
  assert.equal(text(chunks, "stderr"), `${"e".repeat(100_000)}\n`);
  assert.equal((await work.run("echo", { payload: 1 })).state, "completed");
});

Deno.test("a process serves many jobs, until it has served its number, was idle, or the worker stops", async () => {
  await using work = await isolated({ concurrency: 1 });
  const pid = async (type: string): Promise<unknown> => (await work.run(type)).result;
  const first = (await work.run("echo")).result as { pid: number };
  assert.deepEqual((await work.run("echo")).result, first);
  const pids = [await pid("two"), await pid("two"), await pid("two")];
  assert.ok(pids[0] === pids[1] && pids[1] !== pids[2], pids.join());
  // One at a time at most, so the process of the other kind had to go.
  assert.equal((await children()).length, 1);
  const brief = await pid("brief");
  await until("the idle process has ended", async () => !await alive(brief as number));
  assert.notEqual(await pid("brief"), brief);
});

Deno.test("a handler that loops is killed at its timeout; other jobs and the slot are unharmed", async () => {
  await using work = await isolated({ concurrency: 1 });
  const { id } = await work.jobd.enqueue({ type: "loop", maxAttempts: 1 });
  const pid = await pidOf(work, id);
  const job = await work.jobd.jobs.wait(id);
  assert.deepEqual([job.state, job.error?.code], ["dead", "timeout"]);
  assert.equal(await alive(pid), false);
  assert.equal((await work.run("echo")).state, "completed");
});

Deno.test("a cancelled handler hears of it; one that does not listen is killed", async () => {
  await using work = await isolated();
  const { id: waits } = await work.jobd.enqueue({ type: "waits" });
  const { id: loops } = await work.jobd.enqueue({ type: "loop", timeout: "1h" });
  const [waiting, looping] = [await pidOf(work, waits), await pidOf(work, loops)];
  await work.jobd.jobs.cancel([waits, loops]);
  assert.equal((await work.jobd.jobs.wait(waits)).state, "cancelled");
  assert.equal((await work.jobd.jobs.wait(loops)).state, "cancelled");
  assert.match(text(await Array.fromAsync(work.jobd.jobs.logs(waits)), "stdout"), /heard cancelled/);
  // The one that has listened is warm for the next job.
  assert.deepEqual([await alive(waiting), await alive(looping)], [true, false]);
});

Deno.test("a worker that stops hands isolated jobs back and leaves no process", async () => {
  const work = await isolated();
  const { id } = await work.jobd.enqueue({ type: "loop", timeout: "1h" });
  const pid = await pidOf(work, id);
  await work.worker.stop({ timeoutMs: 0 });
  assert.equal(await alive(pid), false);
  assert.deepEqual(await children(), []);
  const job = await work.jobd.jobs.get(id);
  assert.deepEqual([job.state, job.failures, job.releases], ["available", 0, 1]);
  await work[Symbol.asyncDispose]();
});

Deno.test("a SIGTERM for all processes of a service is the daemon's affair: isolated jobs finish", async () => {
  await using work = await isolated();
  const { id } = await work.jobd.enqueue({ type: "waits" });
  const pid = await pidOf(work, id);
  Deno.kill(pid, "SIGTERM");
  Deno.kill(pid, "SIGINT");
  const { id: other } = await work.jobd.enqueue({ type: "echo" });
  await work.jobd.jobs.wait(other);
  assert.equal(await alive(pid), true);
  await work.jobd.jobs.cancel(id);
  assert.equal((await work.jobd.jobs.wait(id)).state, "cancelled");
});

Deno.test("a job whose lease is lost is killed at once, and runs again when the store is back", async () => {
  const inner = new MemoryDriver({ now: () => Date.now() });
  let away = false;
  const driver = new Proxy(inner as Driver, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) =>
        away ? Promise.reject(new JobdError("store_unavailable", "Away")) : member.apply(target, args);
    },
  });
  await using jobd = await Jobd.open(driver);
  await using worker = jobd.worker({
    modules: [MODULE],
    leaseMs: 600,
    pollIntervalMs: 20,
    shutdownTimeoutMs: 0,
    backoff: { baseMs: 1, maxMs: 1, jitter: "none" },
  });
  await worker.start();
  const { id } = await jobd.enqueue({ type: "loop", timeout: "1h" });
  let first = 0;
  await until("the job has a process", async () => (first = (await children())[0] ?? 0) !== 0);
  away = true;
  await until("its process is gone", async () => !await alive(first));
  away = false;
  await until("it runs again", async () => {
    const { attempt, state } = await jobd.jobs.get(id);
    return attempt === 2 && state === "running";
  });
});

for (
  const [type, request, pattern, reason] of [
    ["heap", {}, /ran out of memory: its limit is 48 MB/, "out_of_memory"],
    ["buffers", {}, /ran out of memory: its limit is 48 MB/, "out_of_memory"],
    ["exits", { payload: 0 }, /exit code 0 before the handler did/, "exit"],
  ] as const
) {
  Deno.test(`a job that dies with its process (${type}) is told from one that throws, and is dead after three times`, async () => {
    await using work = await isolated({ concurrency: 2 });
    const other = work.jobd.enqueue({ type: "waits" });
    const job = await work.run(type, { maxAttempts: 10, ...request });
    assert.deepEqual([job.state, job.attempt, job.error?.code, job.error?.deaths], [
      "dead",
      3,
      "process_died",
      3,
    ]);
    assert.match(job.error?.message ?? "", pattern);
    assert.equal((job.error?.data as { reason: string }).reason, reason);
    const executions = await work.jobd.jobs.executions(job.id);
    assert.deepEqual(executions.map(({ outcome, error }) => [outcome, error?.deaths]), [["lost", 1], [
      "lost",
      2,
    ], ["lost", 3]]);
    assert.equal((await work.jobd.jobs.get((await other).id)).state, "running");
  });
}

Deno.test("a process that is killed from outside is a death too; the limit is an option", async () => {
  const failures: string[] = [];
  await using work = await isolated({ maxDeaths: 1, onError: ({ error }) => failures.push(error.code) });
  const { id } = await work.jobd.enqueue({ type: "loop", timeout: "1h", maxAttempts: 10 });
  Deno.kill(await pidOf(work, id), "SIGKILL");
  const job = await work.jobd.jobs.wait(id);
  assert.deepEqual([job.state, job.error?.message], ["dead", "The handler's process was ended by SIGKILL"]);
  assert.deepEqual(job.error?.data, { reason: "signal", exitCode: null, signal: "SIGKILL" });
  await until("the error handler was told", () => failures.length === 1);
  assert.deepEqual(failures, ["process_died"]);
});

Deno.test("a right that is lacking fails the job for good and names the entry to add", async () => {
  await using work = await isolated();
  for (
    const [payload, entry] of [
      ["read", 'read: ["/etc/hostname"]'],
      ["net", 'net: ["127.0.0.1:8099"]'],
      ["env", 'env: ["HOME"]'],
      ["run", 'run: ["/bin/true"]'],
      ["import", 'read: ["/etc/hostname"]'],
      ["wrapped", 'read: ["/etc/hostname"]'],
    ] as const
  ) {
    const job = await work.run("denied", { payload, maxAttempts: 5 });
    assert.deepEqual([job.state, job.attempt, job.error?.code], ["dead", 1, "permission_denied"], payload);
    assert.ok(String(job.error?.message).includes(`add \`${entry}\` to its \`permissions\``), entry);
  }
});

Deno.test("what a handler with the right to run programs leaves behind ends with its attempt", async () => {
  await using work = await isolated();
  const job = await work.run("runs");
  assert.equal(job.state, "completed");
  const said = text(await logOf(work, job), "stdout");
  const [, sleeper] = /from the shell\n(\d+) \n/.exec(said) ?? [];
  assert.equal(await alive(Number(sleeper)), false, said);
  assert.equal(await alive(job.result as number), false);
});

Deno.test("a rejection that nobody waits for is in the log and ends nothing", async () => {
  await using work = await isolated();
  const job = await work.run("leaky");
  assert.equal(job.result, "fine");
  assert.match(text(await logOf(work, job), "stderr"), /nobody waits for it/);
});
