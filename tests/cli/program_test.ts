import assert from "node:assert/strict";
import { Daemon, ProgramFolder, SHIPPED_FLAGS } from "./program.ts";

/** Stands for the agent: says what it was asked, slowly if asked to. */
const AGENT = `#!/bin/sh
for last; do :; done
echo "asked: $last"
case "$last" in *slow*) sleep 600 ;; esac
`;

async function withAgent(folder: ProgramFolder): Promise<void> {
  const agent = await folder.write("agent.sh", AGENT, 0o700);
  await folder.write("jobd.json", JSON.stringify({ agent: { command: agent } }));
}

Deno.test("the shipped flags name each permission", () => {
  assert.ok(
    !SHIPPED_FLAGS.some((flag) => ["-A", "--allow-all", "--allow-ffi", "--allow-sys"].includes(flag)),
  );
  assert.ok(SHIPPED_FLAGS.includes("--no-prompt"));
});

Deno.test("the five command lines of a first day", async () => {
  await using folder = await ProgramFolder.create();
  await withAgent(folder);
  const migrated = await folder.run(["migrate"]);
  assert.equal(migrated.code, 0, migrated.stderr);
  const worker = new Daemon(
    folder.command(["worker", "--concurrency", "5", "--queues", "high,default"]).spawn(),
  );
  const started = await worker.logged("jobd started");
  assert.deepEqual([started["queues"], started["concurrency"]], ["high, default", 5]);
  const one = await folder.run([
    "enqueue",
    "--payload",
    '{"prompt":"write hello world in go","cwd":"/tmp"}',
    "--wait",
  ]);
  assert.equal(one.code, 0, one.stderr);
  assert.equal(JSON.parse(one.stdout).result, "asked: write hello world in go");
  const two = await folder.run([
    "enqueue",
    "--queue",
    "high",
    "--priority",
    "10",
    "--delay",
    "5m",
    "--payload",
    '{"prompt":"analyze security vulnerabilities","cwd":"/path/to/project"}',
  ]);
  assert.equal(two.code, 0, two.stderr);
  const three = await folder.run(["enqueue", "--payload", '{"type":"email","to":"user@example.com"}']);
  assert.match(three.stderr, /No running worker serves type email/);
  const list = JSON.parse((await folder.run(["jobs", "--json"])).stdout);
  const seen = list.items.map((
    job: Record<string, unknown>,
  ) => [job["type"], job["queue"], job["priority"], job["state"]]);
  assert.deepEqual(seen, [["email", "default", 0, "available"], ["claude", "high", 10, "scheduled"], [
    "claude",
    "default",
    0,
    "completed",
  ]]);
  const shown = await folder.run(["job", "show", list.items[2].id.slice(-12)]);
  for (const part of ["completed", "Attempts", "asked: write hello world in go", "took "]) {
    assert.ok(shown.stdout.includes(part), shown.stdout);
  }
  const health = await folder.run(["doctor", "--expect-worker", "--json"]);
  assert.equal(health.code, 0, health.stdout);
  worker.kill("SIGTERM");
  assert.equal(await worker.ended(), 0);
  const without = await folder.run(["doctor", "--expect-worker"]);
  assert.equal(without.code, 1);
  assert.match(without.stdout, /^error +worker here/m);
});

Deno.test("jobd without a command is the daemon: it makes its store, keeps running on SIGHUP, and a second signal hurries it", async () => {
  await using folder = await ProgramFolder.create();
  await withAgent(folder);
  const daemon = new Daemon(folder.command([]).spawn());
  assert.equal((await daemon.logged("jobd started"))["store"], "sqlite:jobd.db");
  const { stdout } = await folder.run(["enqueue", "--payload", '{"prompt":"slow"}']);
  const id = stdout.trim();
  const state = async (): Promise<string> =>
    JSON.parse((await folder.run(["job", "show", id, "--json"])).stdout).state;
  while (await state() !== "running") { /* until it is claimed */ }
  daemon.kill("SIGHUP");
  await daemon.logged("SIGHUP changes nothing: the configuration is read at start");
  daemon.kill("SIGTERM");
  await daemon.logged("Stopping: running jobs may finish");
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
  await daemon.logged("jobd stopped");
  assert.equal(await state(), "available", "the job was handed back");
});

Deno.test("a daemon whose outputs are closed goes on", async () => {
  await using folder = await ProgramFolder.create();
  await withAgent(folder);
  const child = folder.command(["start", "--log-level", "debug"]).spawn();
  await child.stdout.cancel();
  const first = child.stderr.getReader();
  await first.read();
  await first.cancel();
  for (const prompt of ["a", "b", "c"]) {
    const ran = await folder.run(["enqueue", "--payload", JSON.stringify({ prompt }), "--wait"]);
    assert.equal(ran.code, 0, ran.stderr);
  }
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
});

Deno.test("a reader who leaves early sees no stack", async () => {
  await using folder = await ProgramFolder.create();
  await folder.run(["migrate"]);
  await folder.write("in.ndjson", Array.from({ length: 3_000 }, (_, n) => `{"n":${n}}\n`).join(""));
  const bulk = await folder.shell("jobd enqueue x --bulk --payload @in.ndjson | head -1");
  assert.doesNotMatch(bulk.stderr, /at .*\.ts|Uncaught|EPIPE|Broken/);
  const jobs = await folder.shell("jobd jobs --limit 10000 | head -1");
  assert.equal(jobs.stderr, "");
  assert.match(jobs.stdout, /^ID /);
  const all = await folder.run(["stats", "--json"]);
  assert.equal(JSON.parse(all.stdout).queues[0].counts.available, 3_000, "all were stored nevertheless");
});

const WRONG: [name: string, args: string[], code: number, stderr: RegExp, env?: Record<string, string>][] = [
  ["a wrong variable", ["start"], 2, /^jobd: WORKER_CONCURRENCY: "ten" is not an integer from 1 to 1000\n/, {
    WORKER_CONCURRENCY: "ten",
  }],
  ["no store yet", ["jobs"], 6, /^jobd: There is no store at jobd\.db\nhint: Run "jobd migrate"/],
  ["a worker without a store", ["worker"], 6, /^jobd: There is no store at jobd\.db\n/],
  ["a damaged store", ["jobs", "--database-url", "sqlite:bad.db"], 5, /^jobd: The store bad\.db is damaged/],
  [
    "a damaged store at start",
    ["start", "--database-url", "sqlite:bad.db"],
    5,
    /^jobd: The store bad\.db is damaged/,
  ],
  [
    "a folder that is missing",
    ["migrate", "--database-url", "sqlite:nowhere/x.db"],
    5,
    /^jobd: The folder of the store nowhere\/x\.db does not exist/,
  ],
  [
    "a server that is away",
    ["jobs", "--database-url", "postgres://u:hunter2@127.0.0.1:1/x"],
    5,
    /^jobd: PostgreSQL at 127\.0\.0\.1:1\/x cannot be reached/,
  ],
  ["a server that is away at start", ["start"], 5, /cannot be reached/, {
    DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/x",
  }],
  [
    "a type nobody handles",
    ["worker", "--types", "cluade"],
    2,
    /^jobd: --types: there is no handler for type "cluade"\nhint: Did you mean claude\?/,
  ],
  ["a module with a mistake", ["jobs", "--config", "broken.ts"], 2, /^jobd: broken\.ts cannot be loaded: /],
  [
    "a module with an unknown key",
    ["jobs", "--config", "unknown.ts"],
    2,
    /^jobd: unknown\.ts: unknown key "workers"\nhint: Did you mean "worker"\?/,
  ],
  [
    "a command that the handler refuses",
    ["worker", "--config", "slot.json"],
    2,
    /^jobd: Invalid exec command "a": the slot x is used nowhere/,
  ],
];

Deno.test("wrong input: one sentence, a hint, the exit code, no stack, no password", async (t) => {
  await using folder = await ProgramFolder.create();
  await folder.write("bad.db", "this is no database ".repeat(100));
  await folder.write("broken.ts", "export const config = {");
  await folder.write("unknown.ts", "export const config = { workers: {} };");
  await folder.write("slot.json", '{"commands":{"a":{"command":"true","slots":{"x":{}}}}}');
  for (const [name, args, code, stderr, env = {}] of WRONG) {
    await t.step(name, async () => {
      const ran = await folder.run(args, { env });
      assert.equal(ran.code, code, ran.stderr);
      assert.match(ran.stderr, stderr);
      assert.doesNotMatch(ran.stderr, /^\s+at |Uncaught|hunter2/m);
      assert.ok(ran.stderr.split("\n").length <= 3, ran.stderr);
    });
  }
});

Deno.test("a config module is loaded from the working directory", async () => {
  await using folder = await ProgramFolder.create();
  await folder.write(
    "jobd.config.ts",
    'export const config = { databaseUrl: "sqlite:other.db", namespace: "n" as string };',
  );
  const ran = await folder.run(["migrate"]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /sqlite:other\.db is up to date/);
});

Deno.test("without permissions: a sentence, not a stack; help and version need none", async () => {
  await using folder = await ProgramFolder.create();
  const flags = ["--no-prompt"];
  assert.equal((await folder.run(["--help"], { flags })).code, 0);
  assert.equal((await folder.run(["version"], { flags })).code, 0);
  const ran = await folder.run(["jobs"], { flags });
  assert.equal(ran.code, 6, ran.stderr);
  assert.match(ran.stderr, /^jobd: .*access.*\nhint: /);
});

Deno.test("migrate: status, dry run, and doing it; backup copies the store once", async () => {
  await using folder = await ProgramFolder.create();
  const status = async (): Promise<{ applied: { number: number }[]; pending: { number: number }[] }> =>
    JSON.parse((await folder.run(["migrate", "--status", "--json"])).stdout);
  const before = await status();
  assert.equal(before.applied.length, 0);
  assert.ok(before.pending.length > 0);
  const dry = await folder.run(["migrate", "--dry-run"]);
  assert.match(dry.stdout, /^-- 0001 .*\n[^]*create table job/i);
  assert.equal((await status()).applied.length, 0, "nothing was changed");
  const done = await folder.run(["migrate"]);
  assert.match(done.stdout, /^applied +0001 /);
  assert.equal((await status()).pending.length, 0);
  const { id } = JSON.parse((await folder.run(["enqueue", "x", "--json"])).stdout);
  assert.equal((await folder.run(["backup", "copy.db"])).code, 0);
  const copied = await folder.run(["job", "show", id, "--json", "--database-url", "sqlite:copy.db"]);
  assert.equal(JSON.parse(copied.stdout).type, "x");
  const again = await folder.run(["backup", "copy.db"]);
  assert.equal(again.code, 4);
  assert.match(again.stderr, /the file exists/);
});

Deno.test("doctor: each finding has a level, and errors make the exit code", async () => {
  await using folder = await ProgramFolder.create();
  await withAgent(folder);
  const without = await folder.run(["doctor", "--json"]);
  assert.equal(without.code, 1);
  const found = JSON.parse(without.stdout);
  assert.equal(found.ok, false);
  const last = found.findings.at(-1);
  assert.equal(last.level, "error");
  assert.match(last.hint, /jobd migrate/);
  await folder.run(["migrate"]);
  await folder.run(["enqueue", "x"]);
  const healthy = await folder.run(["doctor", "--json"]);
  assert.equal(healthy.code, 0, healthy.stdout);
  const names = JSON.parse(healthy.stdout).findings.map(({ name }: { name: string }) => name);
  for (const name of ["configuration", "permissions", "handler claude", "store", "clock", "workers"]) {
    assert.ok(names.includes(name), name);
  }
  assert.deepEqual([...new Set(names)], names, "each name stands for one thing");
  const wrong = await folder.run(["doctor"], { env: { LOG_LEVEL: "loud" } });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /^error +configuration +LOG_LEVEL: "loud" is not one of/);
});
