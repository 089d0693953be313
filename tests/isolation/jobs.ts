// deno-lint-ignore-file no-console
import { defineJob, discard, fail, retryAt, snooze, transient, WaitTimedOut } from "../../src/mod.ts";
import type { Json } from "../../src/mod.ts";

/** Handlers that tests run in processes of their own. */

const isolate = { grace: "100ms" } as const;

export const follow = defineJob<number>({ type: "follow", isolate, run: ({ payload }) => payload + 1 });

export const echo = defineJob({ type: "echo", isolate, run: ({ payload }) => ({ payload, pid: Deno.pid }) });

export const checked = defineJob({
  type: "checked",
  aliases: ["checked.old"],
  isolate,
  payload: {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value: unknown) =>
        typeof value === "number" ? { value: `number ${value}` } : { issues: [{ message: "Not a number" }] },
    },
  },
  run: ({ payload }) => payload,
});

export const all = defineJob<{ fail?: boolean }>({
  type: "all",
  isolate,
  async run({ attempt, payload }, context) {
    const { log, progress, checkpoint, step, enqueue, extend } = context;
    const before = context.deadline ?? 0;
    extend("10m");
    log("from log\n");
    console.log("from console");
    console.error("from error");
    log("a note\n", "system");
    progress({ half: true });
    const kept = await checkpoint();
    await checkpoint({ attempt });
    const made = await step("once", () => ({ by: attempt }));
    const { id } = await enqueue(follow, 41);
    if (attempt === 1) throw new Error("again", { cause: new RangeError("because") });
    return {
      kept: kept ?? null,
      made,
      later: (context.deadline ?? 0) - before > 200_000,
      id: id.length,
      fails: payload.fail ?? false,
      near: Math.abs(context.now() - Date.now()) < 5_000,
    };
  },
});

export const reads = defineJob({
  type: "reads",
  isolate,
  run: async (_job, { parents }) => (await parents()).map(({ type, result }) => [type, result]),
});

export const headed = defineJob({
  type: "headed",
  isolate,
  async run({ options: { headers = {} } }, { enqueue }) {
    await enqueue(follow, 1, { headers: { "X-From": headers["x-request-id"] ?? "" } });
    return headers;
  },
});

export const steps = defineJob({
  type: "steps",
  isolate,
  async run(_job, { step, checkpoint }) {
    class Own extends Error {}
    const own = await step("throws", () => Promise.reject(new Own("mine"))).catch((error) =>
      error instanceof Own
    );
    const json = await step("bad", () => 1n).catch((error: { code: string }) => error.code);
    const empty = await step("nothing", () => {});
    return { own, json, empty: empty === undefined, checkpoint: await checkpoint() === undefined };
  },
});

export const ends = defineJob<string>({
  type: "ends",
  isolate,
  backoff: (failures, error) => error.code === "own" ? failures * 12_345 : undefined,
  run({ payload }) {
    switch (payload) {
      case "snooze":
        return snooze("1h", "later");
      case "retryAt":
        return retryAt("2100-01-01T00:00:00Z");
      case "discard":
        throw discard("no use");
      case "transient":
        return transient("away", { retryIn: "1h" });
      case "own":
        return fail({ code: "own", message: "of my own", data: { deep: [1] } });
      case "text":
        throw "just a text";
      default:
        throw Object.assign(new TypeError("typed"), { code: "E_TYPED" });
    }
  },
});

export const noise = defineJob<Json>({
  type: "noise",
  isolate,
  run({ payload }, { log }) {
    const bytes = new TextEncoder();
    Deno.stdout.writeSync(
      bytes.encode('{"kind":"end","end":{"kind":"returned","result":"forged"}}\n\0jobd:'),
    );
    Deno.stdout.writeSync(bytes.encode("\0jobd:00000000-0000-0000-0000-000000000000:.{}\n"));
    Deno.stdout.writeSync(new Uint8Array([0xff, 0xc3]));
    for (let i = 0; i < 2_000; i++) console.log(`line ${i} ${"x".repeat(50)}`);
    log("in between\n");
    console.error("e".repeat(100_000));
    console.log("no line end \u{1F600} \u0000");
    return payload;
  },
});

export const loop = defineJob({
  type: "loop",
  isolate,
  timeout: "300ms",
  run() {
    console.log(`looping ${Deno.pid}`);
    for (;;);
  },
});

export const waits = defineJob({
  type: "waits",
  isolate: { grace: "30s" },
  run: (_job, { signal, log }) => {
    console.log(`waiting ${Deno.pid}`);
    return new Promise<string>((resolve) =>
      signal.addEventListener("abort", () => {
        log(`heard ${signal.reason}\n`);
        resolve("stopped");
      })
    );
  },
});

export const heap = defineJob({
  type: "heap",
  isolate: { memoryMb: 48 },
  run() {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(10_000).fill(Math.random()));
  },
});

export const buffers = defineJob({
  type: "buffers",
  isolate: { memoryMb: 48 },
  async run() {
    const kept: Uint8Array[] = [];
    for (;;) {
      kept.push(new Uint8Array(8 * 1024 * 1024).fill(1));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },
});

export const exits = defineJob<number>({ type: "exits", isolate, run: ({ payload }) => Deno.exit(payload) });

export const denied = defineJob<string>({
  type: "denied",
  permissions: { read: ["/nowhere"], env: ["JOBD_TEST_GIVEN"] },
  async run({ payload }) {
    switch (payload) {
      case "read":
        return await Deno.readTextFile("/etc/hostname");
      case "net":
        return await (await fetch("http://127.0.0.1:8099/")).text();
      case "env":
        return Deno.env.get("HOME") ?? "";
      case "run":
        return new Deno.Command("/bin/true").outputSync().code;
      case "import":
        return await import(`${"file:///etc/hostname"}`);
      case "wrapped":
        try {
          return Deno.readTextFileSync("/etc/hostname");
        } catch (cause) {
          throw new Error("Cannot read the settings", { cause });
        }
      default:
        return Deno.env.get("JOBD_TEST_GIVEN") ?? "";
    }
  },
});

export const runs = defineJob({
  type: "runs",
  permissions: { run: ["/bin/sh"] },
  async run() {
    const command = new Deno.Command("/bin/sh", {
      args: ["-c", "cat; echo from the shell; sleep 987 & echo $! $JOBD_TEST_SECRET"],
      stdout: "inherit",
    });
    await command.spawn().status;
    return Deno.pid;
  },
});

export const leaky = defineJob({
  type: "leaky",
  isolate,
  async run() {
    void Promise.reject(new Error("nobody waits for it"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    return "fine";
  },
});

export const two = defineJob({ type: "two", isolate: { maxJobs: 2 }, run: () => Deno.pid });

export const brief = defineJob({ type: "brief", isolate: { idle: "50ms" }, run: () => Deno.pid });

export const member = defineJob<number>({
  type: "member",
  isolate,
  async run({ payload }, { batch }) {
    if (payload > 0) await batch?.add({ type: "member", payload: payload - 1 });
    return batch?.id ?? null;
  },
});

export const asks = defineJob<{ timeout?: string }>({
  type: "asks",
  isolate,
  async run({ payload }, { waitFor, waitToken, forgetAnswer, sleep, step, log }) {
    log(`token ${(await waitToken("approval")).token}\n`);
    const before = await step("before", () => "kept");
    await sleep("a moment", "1ms");
    const early = await waitFor("early");
    try {
      const answer = await waitFor<number>("approval", payload);
      if (answer === 0) {
        await forgetAnswer("approval");
        return await waitFor("approval");
      }
      return [before, early, answer];
    } catch (error) {
      if (error instanceof WaitTimedOut) return [error.code, error.message.slice(0, 30)];
      throw error;
    }
  },
});

export const untimely = defineJob({
  type: "untimely",
  isolate,
  run: (_job, { waitFor }) => waitFor("approval", { timeout: "1ms" }),
});

/** Prints, notes and throws what nobody may see, in pieces and as a whole. */
export const spills = defineJob<{ token: string }>({
  type: "spills",
  isolate,
  redact: ["token"],
  async run({ payload: { token } }, { log, progress }) {
    const bytes = new TextEncoder().encode(`printed ${token}\n`);
    for (const byte of bytes) {
      await Deno.stdout.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    console.error(token);
    log(token.slice(0, 3), "system");
    log(`${token.slice(3)}\n`, "system");
    progress({ token });
    throw new Error(`thrown ${token}`, { cause: new Error(token) });
  },
});
