import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Daemon, ProgramFolder, SHIPPED_FLAGS } from "../cli/program.ts";
import { ProcTable } from "../../src/runtime/process/proc_table.ts";
import { type ProcessRow, Scanner } from "../../src/runtime/process/table.ts";
import { alive, until } from "../support/process_probe.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The processes of modules that this daemon has started, also when it is gone. */
async function childrenOf(pid: number): Promise<ProcessRow[]> {
  return (await new Scanner(new ProcTable()).rows()).filter(({ owner, attempt }) =>
    owner?.startsWith(`${pid}:`) && attempt?.startsWith("isolated=")
  );
}

const STUCK = `import { defineJob } from "@jobd/jobd";
export const loops = defineJob({ type: "loops", isolate: true, run: () => { for (;;); } });
export const sleeps = defineJob({ type: "sleeps", isolate: true, run: () => new Promise(() => setInterval(() => {}, 1_000)) });
`;

/** A folder with a migrated store, and a worker in it. */
async function worker(folder: ProgramFolder, args: string[]): Promise<{ daemon: Daemon; pid: number }> {
  assert.equal((await folder.run(["migrate"])).code, 0);
  const child = folder.command(["worker", "--poll-interval", "50ms", ...args]).spawn();
  const daemon = new Daemon(child);
  await daemon.logged("jobd started");
  return { daemon, pid: child.pid };
}

Deno.test("jobd worker --handlers runs the examples, from names that a shell has expanded and from a pattern", async () => {
  await using folder = await ProgramFolder.create();
  await Deno.mkdir(`${folder.path}/docs`);
  await folder.write("docs/a.md", "12345");
  const mail = `${ROOT}examples/handlers/mail.ts`;
  const { daemon, pid } = await worker(folder, ["--handlers", mail, `${ROOT}examples/handlers/rep*.ts`]);
  const types = String((await daemon.logged("jobd started"))["types"]);
  assert.deepEqual(types.split(", "), [
    "claude",
    "exec",
    "http",
    "mail.send",
    "report.build",
    "primes.count",
  ]);

  const sent = await folder.run([
    ...["enqueue", "mail.send", "--wait", "--payload", '{"to":"ada@example.com","subject":"Hi"}'],
  ]);
  assert.deepEqual([sent.code, JSON.parse(sent.stdout)], [0, { messageId: "2@example.com" }]);
  const report = await folder.run(["enqueue", "report.build", "--wait", "--payload", '{"folder":"docs"}']);
  assert.deepEqual([report.code, JSON.parse(report.stdout)], [0, { files: 1, bytes: 5 }]);
  const primes = await folder.run(["enqueue", "primes.count", "--wait", "--payload", '{"below":100}']);
  assert.equal(JSON.parse(primes.stdout), 25);

  const denied = await folder.run(["enqueue", "report.build", "--wait", "--payload", '{"folder":"/etc"}']);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /lacks a right: read access to "\/etc"; to give it, add `read: \["\/etc"\]`/);
  const bad = await folder.run(["enqueue", "mail.send", "--wait", "--payload", '{"to":"nobody"}']);
  assert.match(bad.stderr, /to: Invalid email/);

  assert.ok((await childrenOf(pid)).length > 0);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
  assert.deepEqual(await childrenOf(pid), []);
});

Deno.test("the death of a process shows in the job and its attempts", async () => {
  await using folder = await ProgramFolder.create();
  await folder.write(
    "exits.ts",
    `import { defineJob } from "@jobd/jobd";
export const exits = defineJob({ type: "exits", isolate: true, backoff: { base: "1ms" }, run: () => Deno.exit(7) });`,
  );
  const { daemon } = await worker(folder, ["--handlers=exits.ts"]);
  const ran = await folder.run(["enqueue", "exits", "--wait", "--json"]);
  assert.equal(ran.code, 1);
  const [id] = (await folder.run(["jobs", "--json"])).stdout.match(/[0-9a-f-]{36}/) ?? [];
  const shown = JSON.parse((await folder.run(["job", "show", String(id), "--json"])).stdout);
  assert.deepEqual([shown.state, shown.error.code, shown.error.deaths], ["dead", "process_died", 3]);
  assert.deepEqual(shown.executions.map((one: { outcome: string }) => one.outcome), ["lost", "lost", "lost"]);
  const table = (await folder.run(["job", "executions", String(id)])).stdout;
  assert.match(table, /lost .*The handler's process ended with exit code 7 before the handler did/);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
});

Deno.test("after kill -9 of a daemon nothing of its isolated jobs goes on: they end by themselves, or by the next one", async () => {
  await using folder = await ProgramFolder.create();
  await folder.write("stuck.ts", STUCK);
  const { daemon, pid } = await worker(folder, ["--handlers", "stuck.ts"]);
  const shown = async (type: string): Promise<{ id: string; state: string }> => {
    const { items } = JSON.parse((await folder.run(["jobs", "--type", type, "--json"])).stdout);
    return items[0];
  };
  for (const type of ["loops", "sleeps"]) {
    assert.equal((await folder.run(["enqueue", type, "--timeout", "1h"])).code, 0);
    await until(`${type} runs`, async () => (await shown(type)).state === "running");
  }
  await until("both have a process", async () => (await childrenOf(pid)).length === 2);
  const before = (await childrenOf(pid)).map((row) => row.pid);
  daemon.kill("SIGKILL");
  await daemon.ended();
  // The one that waits sees that nobody is there any more; the one that loops sees nothing.
  await until("one is gone", async () => (await childrenOf(pid)).length === 1);
  const next = await worker(folder, ["--handlers", "stuck.ts"]);
  for (const one of before) assert.equal(await alive(one), false);
  next.daemon.kill("SIGTERM");
  next.daemon.kill("SIGTERM");
  await next.daemon.ended();
  assert.deepEqual(await childrenOf(next.pid), []);
});

Deno.test("a daemon that may not run Deno says which flag it needs", async () => {
  await using folder = await ProgramFolder.create();
  await folder.write("stuck.ts", STUCK);
  const flags = SHIPPED_FLAGS.map((flag) => flag === "--allow-run" ? "--allow-run=/bin/sh" : flag);
  const ran = await folder.run(["start", "--handlers", "stuck.ts"], { flags });
  assert.equal(ran.code, 6, ran.stderr);
  assert.ok(ran.stderr.includes(`need the right to run ${Deno.execPath()}`), ran.stderr);
  assert.ok(ran.stderr.includes(`--allow-run=${Deno.execPath()}`), ran.stderr);

  const enough = flags.map((flag) => flag === "--allow-run=/bin/sh" ? `${flag},${Deno.execPath()}` : flag);
  await folder.run(["migrate"]);
  const daemon = new Daemon(folder.command(["worker", "--handlers", "stuck.ts"], { flags: enough }).spawn());
  await daemon.logged("jobd started");
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
});

Deno.test("files of handlers that are wrong: one sentence, a hint, exit code 2", async () => {
  await using folder = await ProgramFolder.create();
  await folder.run(["migrate"]);
  await folder.write("none.ts", "export const a = 1;");
  const cases: [string[], RegExp][] = [
    [
      ["worker", "--handlers", "nowhere.ts"],
      /^jobd: There is no file of handlers "nowhere\.ts"\nhint: Paths start from /,
    ],
    [
      ["worker", "--handlers", "none.ts"],
      /^jobd: .*none\.ts has no handlers: .*\nhint: Export what `defineJob/,
    ],
    [
      ["worker", "stray.ts"],
      /^jobd: Too many arguments: stray\.ts\nhint: Files of handlers follow --handlers\./,
    ],
    [["start", "--handlers", ""], /^jobd: --handlers: "" is not a list of files/],
  ];
  for (const [args, message] of cases) {
    const ran = await folder.run(args);
    assert.equal(ran.code, 2, ran.stderr);
    assert.match(ran.stderr, message);
  }
  const doctor = await folder.run(["doctor"], { env: { WORKER_HANDLERS: "nowhere.ts" } });
  assert.match(doctor.stdout, /error.*There is no file of handlers "nowhere\.ts"/);
});
