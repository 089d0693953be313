import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import type { NewJob } from "../../src/domain/job.ts";
import { loadHandlers, SHIPPED_TYPES } from "../../src/surfaces/cli/actions/handlers.ts";
import type { Config } from "../../src/surfaces/config/load.ts";
import { FakeWorld } from "./fake_host.ts";

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\n$/;

Deno.test("enqueue prints the id, and a note when nobody serves the job", async () => {
  const world = new FakeWorld();
  const ran = await world.run(["enqueue", "--payload", '{"prompt":"hi","cwd":"/tmp"}']);
  assert.equal(ran.exitCode, 0);
  assert.match(ran.stdout, ID);
  assert.match(
    ran.stderr,
    /^note: No worker is running: the job waits\. Start one with `jobd start` or `jobd worker`\.\n$/,
  );
  const job = await (await world.jobd()).jobs.get(ran.stdout.trim());
  assert.deepEqual([job.type, job.queue, job.priority, job.state, job.maxAttempts], [
    "claude",
    "default",
    0,
    "available",
    5,
  ]);
  assert.deepEqual(job.payload, { prompt: "hi", cwd: "/tmp" });
});

Deno.test("enqueue: for a type that no shipped handler runs, the note says what does", async () => {
  const world = new FakeWorld();
  const config = { values: { namespace: "default" }, sources: {} } as unknown as Config;
  assert.deepEqual((await loadHandlers(config)).map(({ type }) => type), SHIPPED_TYPES);
  const ran = await world.run(["enqueue", "--payload", '{"type":"email","to":"user@example.com"}']);
  assert.equal(
    ran.stderr,
    "note: No running worker serves type email in queue default: the job waits. `jobd start` and `jobd worker` " +
      "run claude, exec, http; for another type give them a file with its handler: --handlers FILE (docs/handlers.md).\n",
  );
  const jobd = await world.jobd();
  await using worker = jobd.worker({
    handlers: [{ type: "email", run: () => Promise.resolve(null), outOfProcess: true }],
    queues: ["mail"],
  });
  await worker.start();
  const [served, elsewhere] = [["--queue", "mail"], ["--queue", "other"]];
  assert.equal((await world.run(["enqueue", "email", ...served])).stderr, "");
  assert.match(
    (await world.run(["enqueue", "email", ...elsewhere])).stderr,
    /serves type email in queue other/,
  );
});

Deno.test("enqueue: every flag reaches the job", async () => {
  const world = new FakeWorld();
  const ran = await world.run([
    ..."enqueue email --queue mail --priority high --delay 5m --max-attempts 7 --timeout 30s --ttl 2h --unique-key k"
      .split(" "),
    ...'--tag a --tag b,c --origin me --header Trace-Id=7 --header b= --payload {"to":1}'.split(" "),
  ]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const job = await (await world.jobd()).jobs.get(ran.stdout.trim());
  assert.deepEqual([job.type, job.queue, job.priority, job.state, job.maxAttempts], [
    "email",
    "mail",
    10,
    "scheduled",
    7,
  ]);
  assert.equal(job.runAt - job.createdAt, 300_000);
  assert.equal((job.expireAt ?? 0) - job.createdAt, 7_200_000);
  assert.deepEqual(job.options, {
    timeoutMs: 30_000,
    ttlMs: 7_200_000,
    uniqueKey: "k",
    origin: "me",
    tags: ["a", "b,c"],
    headers: { "trace-id": "7", b: "" },
  });
});

Deno.test("enqueue --at, --priority -10, payload.type, JOB_DEFAULT_MAX_ATTEMPTS, --namespace", async () => {
  const world = new FakeWorld();
  const args = [
    "enqueue",
    "--at",
    "2990-01-01T00:00:00+01:00",
    "--priority",
    "-10",
    "--payload",
    '{"type":"email"}',
    "--namespace",
    "n",
  ];
  const ran = await world.run(args, { env: { JOB_DEFAULT_MAX_ATTEMPTS: "2" } });
  const [job] = await world.driver.get([ran.stdout.trim()]);
  assert.ok(job);
  assert.deepEqual([job.type, job.priority, job.runAt, job.maxAttempts, job.namespace], [
    "email",
    -10,
    Date.parse("2989-12-31T23:00:00Z"),
    2,
    "n",
  ]);
});

Deno.test("enqueue: payload from a file and from stdin, with a byte order mark", async () => {
  const world = new FakeWorld();
  const file = await world.run(["enqueue", "x", "-p", "@in.json"], {
    files: { "in.json": '\uFEFF{"a":1}\n' },
  });
  const stdin = await world.run(["enqueue", "x", "-p", "-"], { stdin: '\uFEFF["b"]' });
  const jobd = await world.jobd();
  assert.deepEqual((await jobd.jobs.get(file.stdout.trim())).payload, { a: 1 });
  assert.deepEqual((await jobd.jobs.get(stdin.stdout.trim())).payload, ["b"]);
});

Deno.test("enqueue: a unique key that is taken names the job that has it", async () => {
  const world = new FakeWorld();
  const one = await world.run(["enqueue", "x", "--unique-key", "k"]);
  const two = await world.run(["enqueue", "x", "--unique-key", "k"]);
  assert.equal(two.exitCode, 0);
  assert.equal(two.stdout, one.stdout);
  assert.match(two.stderr, /existed already; it is available/);
  const three = await world.run(["enqueue", "x", "--unique-key", "k", "--json"]);
  assert.deepEqual(three.json(), { id: one.stdout.trim(), outcome: "existing", state: "available" });
});

Deno.test("enqueue: flags of unique jobs reach the job, and the answer says what became of it", async () => {
  const world = new FakeWorld();
  const by = (value: string, ...flags: string[]) =>
    world.run([
      "enqueue",
      "x",
      "-p",
      value,
      "--unique-fields",
      "user.id,shop",
      "--unique-per",
      "1d",
      ...flags,
    ]);
  const one = await by(
    '{"user":{"id":7},"n":1}',
    "--unique-scope",
    "queue",
    "--unique-states",
    "unfinished,dead",
  );
  assert.equal(one.exitCode, 0, one.stderr);
  const job = await (await world.jobd()).jobs.get(one.stdout.trim());
  const { hash, window, ...unique } = job.options.unique ?? {};
  assert.deepEqual([unique, hash?.length, window?.perMs], [
    { fields: ["shop", "user.id"], scope: "queue", afterwards: ["dead"] },
    64,
    86_400_000,
  ]);
  const two = await by(
    '{"n":2,"user":{"id":7}}',
    "--unique-scope",
    "queue",
    "--on-conflict",
    "replace",
    "--json",
  );
  assert.deepEqual(two.json(), { id: job.id, outcome: "replaced", state: "available" });
  const shown = await world.run(["job", "show", job.id]);
  assert.match(shown.stdout, /unique by shop, user\.id in its queue per 1d from .* also when dead/);
});

Deno.test("enqueue --on-conflict: replaced, cancelled and refused", async () => {
  const world = new FakeWorld();
  const run = (...flags: string[]) => world.run(["enqueue", "x", "--unique-key", "k", ...flags]);
  const one = await run("--delay", "1h");
  const replaced = await run(
    "--on-conflict",
    "debounce",
    "--delay",
    "2h",
    "--max-wait",
    "3h",
    "--replace",
    "payload",
  );
  assert.equal(replaced.stdout, one.stdout);
  assert.match(replaced.stderr, /existed already and was changed; it is scheduled/);
  const refused = await run("--on-conflict", "fail");
  assert.equal(refused.exitCode, 4);
  assert.match(refused.stderr, /which is scheduled, has the same unique key "k"/);
  const taken = await run("--on-conflict", "cancel");
  assert.match(taken.stderr, new RegExp(`Job ${one.stdout.trim()}, which had its unique key, was cancelled`));
  const wrong = await run("--defer");
  assert.equal(wrong.exitCode, 2);
});

Deno.test("enqueue --unique and --bulk: the payload is the key", async () => {
  const world = new FakeWorld();
  const stdin = '{"a":1,"b":2}\n{"b":2,"a":1}\n{"a":"1","b":2}\n';
  const ran = await world.run(["enqueue", "x", "--bulk", "--unique"], { stdin });
  assert.match(ran.stderr, /2 jobs enqueued, 1 existed already/);
  const fields = ["--unique-key", "k", "--unique-fields", "b", "--on-conflict", "replace", "--json"];
  const { created, existing, replaced } = (await world.run(["enqueue", "x", "--bulk", ...fields], { stdin }))
    .json();
  assert.deepEqual([created, existing, replaced], [1, 0, 2]);
});

Deno.test("enqueue: no note when a worker serves type and queue", async () => {
  const world = new FakeWorld();
  const now = Date.now();
  const row = {
    id: "w",
    namespace: "default",
    process: {},
    concurrency: 1,
    running: 0,
    startedAt: now,
    seenAt: now,
  };
  await world.driver.saveWorker({ ...row, queues: ["mail"], types: ["email"] });
  assert.equal((await world.run(["enqueue", "email", "--queue", "mail"])).stderr, "");
  assert.match((await world.run(["enqueue", "email"])).stderr, /serves type email in queue default/);
  assert.match((await world.run(["enqueue", "other", "--queue", "mail"])).stderr, /serves type other/);
});

Deno.test("enqueue --bulk: one job for each line, blank lines left out, ids in order", async () => {
  const world = new FakeWorld();
  const ran = await world.run(["enqueue", "x", "--bulk", "--queue", "q"], {
    stdin: '{"n":1}\n\n  \r\n{"n":2}\r\n{"n":3}',
  });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.match(ran.stderr, /3 jobs enqueued/);
  const jobd = await world.jobd();
  const payloads = [];
  for (const id of ran.stdout.trim().split("\n")) payloads.push((await jobd.jobs.get(id)).payload);
  assert.deepEqual(payloads, [{ n: 1 }, { n: 2 }, { n: 3 }]);
});

Deno.test("enqueue --bulk --json: one document", async () => {
  const ran = await new FakeWorld().run(["enqueue", "x", "--bulk", "--payload", "1\n2", "--json"]);
  const { created, existing, items } = ran.json();
  assert.deepEqual([created, existing, items.length, items[0].outcome], [2, 0, 2, "created"]);
});

Deno.test("enqueue --bulk: several thousand lines go in portions of 1000", async () => {
  const world = new FakeWorld();
  const sizes: number[] = [];
  const insert = world.driver.insert.bind(world.driver);
  world.driver.insert = (jobs: NewJob[]) => {
    sizes.push(jobs.length);
    return insert(jobs);
  };
  const lines = Array.from({ length: 2_500 }, (_, n) => `{"n":${n}}`).join("\n");
  const ran = await world.run(["enqueue", "x", "--bulk", "-p", "@big"], { files: { big: lines } });
  assert.deepEqual(sizes, [1_000, 1_000, 500]);
  assert.equal(ran.stdout.split("\n").length, 2_501);
});

for (
  const [name, args] of [["a file", ["-p", "@in"]], ["stdin", []], ["text", [
    "-p",
    "{}\nbad\n{}\n[1,\n",
  ]]] as const
) {
  Deno.test(`enqueue --bulk from ${name}: bad lines are named and nothing is stored`, async () => {
    const world = new FakeWorld();
    const input = "{}\nbad\n{}\n[1,\n";
    const ran = await world.run(["enqueue", "x", "--bulk", ...args], { stdin: input, files: { in: input } });
    assert.equal(ran.exitCode, 2);
    assert.match(ran.stderr, /^Line 2: Invalid payload/m);
    assert.match(ran.stderr, /^Line 4: Invalid payload/m);
    assert.match(ran.stderr, /^jobd: 2 lines are wrong\nhint: Nothing was enqueued/m);
    assert.equal(ran.stdout, "");
    assert.equal((await (await world.jobd()).jobs.page({ limit: 1 })).items.length, 0);
  });
}

Deno.test("enqueue --bulk --spread: starts are distributed over all lines, from a file and from stdin", async () => {
  const input = Array.from({ length: 2_500 }, (_, n) => `${n}\n`).join("");
  for (const args of [["-p", "@in"], []]) {
    const world = new FakeWorld();
    const ran = await world.run(["enqueue", "x", "--bulk", ...args, "--spread", "2500s", "--delay", "1h"], {
      stdin: input,
      files: { in: input },
    });
    assert.equal(ran.exitCode, 0, ran.stderr);
    const ids = ran.stdout.trim().split("\n");
    const jobs = new Map((await world.driver.get(ids)).map((job) => [job.id, job]));
    const starts = ids.map((id) => jobs.get(id)?.runAt ?? NaN);
    // From the second on, whose start is not left to the moment of its insert; portions of 1,000 make no difference.
    for (let n = 2; n < 2_500; n++) assert.equal((starts[n] ?? NaN) - (starts[n - 1] ?? NaN), 1_000);
  }
});

Deno.test("enqueue --bulk --spread --jitter: each start is within its own part", async () => {
  const world = new FakeWorld();
  const args = [
    "enqueue",
    "x",
    "--bulk",
    "-p",
    "1\n2\n3\n4",
    "--spread",
    "4h",
    "--jitter",
    "--at",
    "2990-01-01",
  ];
  const ran = await world.run(args);
  const ids = ran.stdout.trim().split("\n");
  const jobs = new Map((await world.driver.get(ids)).map((job) => [job.id, job]));
  for (const [n, id] of ids.entries()) {
    const hours = ((jobs.get(id)?.runAt ?? NaN) - Date.UTC(2990, 0, 1)) / 3_600_000;
    assert.ok(hours >= n && hours < n + 1, `${hours}`);
  }
});

Deno.test("enqueue --bulk --spread: stdin that is too long to be counted first is refused, and nothing is stored", async () => {
  const world = new FakeWorld();
  const stdin = `"${"x".repeat(250_000)}"\n`.repeat(280);
  const ran = await world.run(["enqueue", "x", "--bulk", "--spread", "1h"], { stdin });
  assert.equal(ran.exitCode, 2);
  assert.match(ran.stderr, /longer than 64 MiB can be spread only when it is a file/);
  assert.deepEqual((await (await world.jobd()).jobs.page({ limit: 1 })).items, []);
});

Deno.test("enqueue --encrypt, job show, reencrypt: with the keys of the environment, which are never shown", async () => {
  const world = new FakeWorld();
  const [one, two] = [1, 2].map((byte) => new Uint8Array(32).fill(byte).toBase64());
  const old = { JOBD_ENCRYPTION_KEYS: `k1:${one}`, JOBD_ENCRYPTION_TYPES: "pay,card" };
  const flag = await world.run(["enqueue", "x", "-p", '"secret"', "--encrypt"], { env: old });
  const type = await world.run(["enqueue", "pay", "-p", '"secret"'], { env: old });
  const ids = [flag.stdout.trim(), type.stdout.trim()];
  const keys = (await world.driver.get(ids)).map(({ options }) => options.encrypted?.key);
  assert.deepEqual(keys, ["k1", "k1"]);
  assert.ok(!JSON.stringify(await world.driver.get(ids)).includes("secret"));

  const shown = await world.run(["job", "show", ids[0] ?? "", "--json"], { env: old });
  assert.equal(shown.json().payload, "secret");
  const blind = await world.run(["job", "show", ids[0] ?? ""]);
  assert.equal(blind.exitCode, 0);
  assert.match(blind.stdout, /Encrypted +the encryption key "k1" is not here\n.*\[encrypted\]/);

  const both = { JOBD_ENCRYPTION_KEYS: `k2:${two}, k1:${one}` };
  const doctor = async (env: Record<string, string>): Promise<string> =>
    (await world.run(["doctor"], { env })).stdout;
  assert.match(await doctor(old), /^ok +encryption +no job needs another key than k1$/m);
  assert.match(
    await doctor(both),
    /^warning +encryption +2 jobs .* need key k1, and the current one is k2$/m,
  );
  const gone = await doctor({ JOBD_ENCRYPTION_KEYS: `k2:${two}` });
  assert.match(gone, /^error +encryption +2 jobs .* need key k1, which is not here$/m);
  assert.doesNotMatch(await doctor({}), /encryption/);
  assert.equal(
    (await world.run(["reencrypt"], { env: both })).stdout,
    "2 jobs encrypted with the current key\n",
  );
  assert.deepEqual((await world.run(["reencrypt", "--json"], { env: both })).json(), {
    succeeded: [],
    failed: [],
  });
  assert.match(await doctor(both), /^ok +encryption +no job needs another key than k2$/m);
  const missing = await world.run(["reencrypt", "--json"], { env: { JOBD_ENCRYPTION_KEYS: `k3:${one}` } });
  assert.equal(missing.exitCode, 2);
  assert.match(missing.json().failed[0].reason, /the encryption key "k2" is not here/);
});

Deno.test("keys that cannot be stop every command at once, and are not shown", async () => {
  const key = new Uint8Array(32).toBase64();
  const cases: [Record<string, string>, RegExp][] = [
    [{ JOBD_ENCRYPTION_KEYS: "hunter2" }, /JOBD_ENCRYPTION_KEYS: the value is not a list ID:KEY,ID:KEY/],
    [{ JOBD_ENCRYPTION_KEYS: `a:${key},a:${key}` }, /is not a list ID:KEY,ID:KEY of distinct ids/],
    [{ JOBD_ENCRYPTION_KEYS: `a:${key.slice(4)}` }, /each key 32 bytes in base64/],
    [{ JOBD_ENCRYPTION_UNIQUE_KEY: "hunter2" }, /JOBD_ENCRYPTION_UNIQUE_KEY: the value is not 32 bytes/],
    [
      { JOBD_ENCRYPTION_UNIQUE_KEY: key },
      /JOBD_ENCRYPTION_UNIQUE_KEY is set, and JOBD_ENCRYPTION_KEYS is not/,
    ],
    [{ JOBD_ENCRYPTION_TYPES: "pay" }, /JOBD_ENCRYPTION_TYPES is set, and JOBD_ENCRYPTION_KEYS is not/],
    [
      { JOBD_ENCRYPTION_KEYS: `a:${key}`, JOBD_ENCRYPTION_TYPES: "a b" },
      /is not \* for all types, or a list/,
    ],
  ];
  for (const [env, message] of cases) {
    const ran = await new FakeWorld().run(["jobs"], { env });
    assert.equal(ran.exitCode, 2);
    assert.match(ran.stderr, message);
    assert.ok(!ran.stderr.includes("hunter2") && !ran.stderr.includes(key.slice(4)));
  }
  const asked = await new FakeWorld().run(["enqueue", "x", "--encrypt"]);
  assert.equal(asked.exitCode, 2);
  assert.match(asked.stderr, /Jobs of type "x" are to be encrypted, and there is no key here/);
});

Deno.test("enqueue --spread: wrong use is refused", async () => {
  for (
    const [args, message] of [
      [["x", "--spread", "1m"], /--spread is for many jobs/],
      [["x", "--bulk", "--jitter"], /--jitter needs --spread/],
      [["x", "--bulk", "--spread", "0s"], /--spread: "0s" is not a duration from 1ms/],
    ] as const
  ) {
    const ran = await new FakeWorld().run(["enqueue", ...args]);
    assert.equal(ran.exitCode, 2);
    assert.match(ran.stderr, message);
  }
});

Deno.test("enqueue --bulk: one bad line is the message; a wrong type in a payload too", async () => {
  const ran = await new FakeWorld().run(["enqueue", "--bulk"], { stdin: '{}\n{"type":"a b"}\n' });
  assert.equal(ran.exitCode, 2);
  assert.match(ran.stderr, /^jobd: Line 2: Invalid type: "a b"/);
});

Deno.test("enqueue --bulk: a reply that was lost is repeated with the same ids", async () => {
  const world = new FakeWorld();
  const insert = world.driver.insert.bind(world.driver);
  let calls = 0;
  world.driver.insert = async (jobs: NewJob[]) => {
    const results = await insert(jobs);
    if (++calls === 1) throw new JobdError("store_unavailable", "The connection was lost");
    return results;
  };
  const ran = await world.run(["enqueue", "x", "--bulk", "--json"], { stdin: "1\n2\n" });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual([ran.json().created, ran.json().existing], [2, 0]);
  assert.equal((await (await world.jobd()).jobs.page({ limit: 10 })).items.length, 2);
});

Deno.test("enqueue: what is not UTF-8 is refused, in one payload and in many", async () => {
  const files = { in: new Uint8Array([0x22, 0xff, 0x22, 0x0a]) };
  for (const bulk of [[], ["--bulk"]]) {
    const ran = await new FakeWorld().run(["enqueue", "x", "-p", "@in", ...bulk], { files });
    assert.equal(ran.exitCode, 2);
    assert.match(ran.stderr, /^jobd: in cannot be read: it is not UTF-8 text/);
  }
});

Deno.test("enqueue --after: a job waits for others, and says so", async () => {
  const world = new FakeWorld();
  const first = (await world.run(["enqueue", "x"])).stdout.trim();
  const second = (await world.run(["enqueue", "x"])).stdout.trim();
  const flags = ["--after", `${first},${second}`, "--after-any", "--on-parent-failure", "hold"];
  const child = (await world.run(["enqueue", "y", ...flags, "--json"])).json();
  assert.equal(child.state, "blocked");
  const job = (await world.run(["job", "show", child.id, "--json"])).json();
  assert.deepEqual(job.options.after, { jobs: [first, second], any: true, onFailure: "hold" });
  const shown = await world.run(["job", "show", child.id]);
  assert.match(shown.stdout, new RegExp(`After\\s+any of ${first}, ${second}; if it fails: hold`));
  const cancelled = await world.run(["job", "cancel", first]);
  assert.equal(cancelled.exitCode, 0);
  const refused = await world.run(["enqueue", "y", "--after", child.id.replace(/^./, "f")]);
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /which does not exist/);
  const short = await world.run(["enqueue", "y", "--after", "abc"]);
  assert.equal(short.exitCode, 2);
  assert.match(short.stderr, /--after: "abc" is not the whole id of a job/);
});
