import assert from "node:assert/strict";
import { system } from "../../src/storage/system.ts";
import { ATTEMPT_VARIABLE, attemptMark } from "../../src/domain/attempt_mark.ts";
import { OWNER_VARIABLE, ownerMark } from "../../src/runtime/process/identity.ts";
import { Processes } from "../../src/runtime/process/processes.ts";
import { parseStat, ProcTable } from "../../src/runtime/process/proc_table.ts";
import { ShellTable } from "../../src/runtime/process/shell_table.ts";
import { UnseenTable } from "../../src/runtime/process/unseen_table.ts";
import { alive, freshMark, marked, runScript, until } from "../support/process_probe.ts";

const TABLES = {
  "/proc read directly": () => new ProcTable(),
  "/proc through the shell": () => new ShellTable({ proc: true }),
};

/** A process as a daemon that died would have left it: marked, in a session of its own. */
function stray(marks: { attempt: string; owner: string }): Deno.ChildProcess {
  return new Deno.Command("/bin/sleep", {
    args: ["987"],
    clearEnv: true,
    env: { [ATTEMPT_VARIABLE]: marks.attempt, [OWNER_VARIABLE]: marks.owner },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
}

for (const [name, table] of Object.entries(TABLES)) {
  const processes = new Processes({ table: table() });

  Deno.test(`${name}: this process knows itself and is alive`, async () => {
    const identity = await processes.identity();
    assert.equal(identity.pid, Deno.pid);
    assert.ok((identity.startTicks ?? 0) > 0);
    assert.match(identity.bootId ?? "", /^[0-9a-f-]{36}$/);
    assert.match(identity.pidNamespace ?? "", /^\d+$/);
    assert.notEqual(identity.host, "");
    assert.equal(await processes.isAlive(identity), true);
  });

  Deno.test(`${name}: a dead process, a re-used number and another place are told apart`, async () => {
    const identity = await processes.identity();
    const child = stray({ attempt: freshMark(), owner: "" });
    assert.equal(await processes.isAlive({ ...identity, startTicks: identity.startTicks! - 1 }), false);
    child.kill("SIGKILL");
    await child.status;
    assert.equal(await processes.isAlive({ ...identity, pid: child.pid }), false);
    assert.equal(await processes.isAlive({ ...identity, bootId: crypto.randomUUID() }), undefined);
    assert.equal(await processes.isAlive({ ...identity, pidNamespace: "1" }), undefined);
    assert.equal(await processes.isAlive({ ...identity, startTicks: null }), undefined);
  });

  Deno.test(`${name}: 18: strays of dead daemons are ended, all others are left alone`, async () => {
    const identity = await processes.identity();
    const dead = ownerMark({ ...identity, startTicks: identity.startTicks! - 1 });
    const own = stray({ attempt: freshMark(), owner: ownerMark(identity) });
    const foreign = stray({
      attempt: freshMark(),
      owner: ownerMark({ ...identity, pidNamespace: "1", pid: 1 }),
    });
    const unreadable = stray({ attempt: freshMark(), owner: "1:2" });
    const left = [stray({ attempt: freshMark(), owner: dead }), stray({ attempt: freshMark(), owner: dead })];
    const statuses = left.map((child) => child.status);
    assert.equal((await processes.reapStrays()).left, 0);
    for (const status of statuses) assert.equal((await status).signal, "SIGTERM");
    for (const child of [own, foreign, unreadable]) {
      assert.equal(await alive(child.pid), true);
      child.kill("SIGKILL");
      await child.status;
    }
  });

  Deno.test(`${name}: 18: processes of earlier attempts of one job are ended`, async () => {
    const owner = ownerMark(await processes.identity());
    const job = crypto.randomUUID();
    const earlier = stray({ attempt: attemptMark(job, 2), owner });
    const current = stray({ attempt: attemptMark(job, 3), owner });
    const other = stray({ attempt: freshMark(1), owner });
    assert.deepEqual(await processes.endAttempts(job, 3), { ended: 1, left: 0 });
    await earlier.status;
    for (const child of [current, other]) {
      assert.equal(await alive(child.pid), true);
      child.kill("SIGKILL");
      await child.status;
    }
  });

  Deno.test(`${name}: a whole tree is ended`, async () => {
    const attempt = freshMark();
    const script = "trap '' TERM; setsid sleep 986 & sleep 985 & exit 0";
    const ran = await runScript(processes, script, { attempt, graceMs: 100 });
    assert.deepEqual([ran.exitCode, ran.tree.left], [0, 0]);
    assert.deepEqual(await marked(attempt), []);
  });
}

Deno.test("without /proc a tree is its group and the children of its members", async () => {
  const processes = new Processes({ table: new ShellTable({ proc: false }) });
  const attempt = freshMark();
  const abort = new AbortController();
  const script = "sleep 984 & setsid sleep 983 & echo ready; wait";
  const ran = await runScript(processes, script, {
    attempt,
    signal: abort.signal,
    onOutput: () => abort.abort("cancelled"),
  });
  assert.deepEqual([ran.endedBy, ran.tree.left], ["abort", 0]);
  assert.deepEqual(await marked(attempt), []);
  const identity = await processes.identity();
  assert.deepEqual([identity.startTicks, identity.bootId], [null, null]);
  assert.equal(await processes.isAlive(identity), undefined);
  assert.deepEqual(await processes.reapStrays(), { ended: 0, left: 0 });
});

Deno.test("ends that happen together share scans", async () => {
  const table = new ProcTable();
  let scans = 0;
  const scan = table.scan.bind(table);
  table.scan = (...args) => {
    scans++;
    return scan(...args);
  };
  const processes = new Processes({ table, clock: system });
  await processes.identity();
  scans = 0;
  const job = crypto.randomUUID();
  await Promise.all(Array.from({ length: 50 }, () => processes.endAttempts(job, 1, { graceMs: 1 })));
  assert.ok(scans <= 4, `${scans} scans`);
});

Deno.test("a process name with brackets, spaces and newlines does not confuse the table", () => {
  const fields = "S 10 11 12 0 -1 4194560 98 0 0 0 0 0 0 0 20 0 1 0 214394 2654208";
  const expected = { pid: 7, ppid: 10, group: 11, session: 12, zombie: false, startTicks: 214394 };
  assert.deepEqual(parseStat(`7 (sh) ${fields}\n`), expected);
  assert.deepEqual(parseStat(`7 (a) Z 1 1 (\n) b) ${fields}\n`), expected);
  assert.equal(parseStat(`7 (sh) ${fields.replace("S", "Z")}`)?.zombie, true);
  assert.equal(parseStat("nonsense"), undefined);
});

Deno.test("18: what a daemon leaves at kill -9 is ended by the next one", async () => {
  const attempt = freshMark();
  const daemon = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("../support/process_daemon.ts", import.meta.url).pathname, attempt],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  await until("its processes run", async () => (await marked(attempt)).length >= 3);
  daemon.kill("SIGKILL");
  await daemon.status;
  await new Processes().reapStrays({ graceMs: 200 });
  assert.deepEqual(await marked(attempt), []);
});

Deno.test("without the right to read /proc everything goes through the shell", async () => {
  const daemon = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-run",
      new URL("../support/process_narrow.ts", import.meta.url).pathname,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  const { code, stdout } = await daemon.output();
  assert.equal(code, 0);
  const seen = JSON.parse(new TextDecoder().decode(stdout));
  assert.deepEqual(seen, { exitCode: 0, left: 0, alive: true, ended: true, output: "hi\n" });
});

Deno.test("without the right to look at processes this one knows its number, and nothing is taken for dead", async () => {
  const processes = new Processes({ table: new UnseenTable() });
  const identity = await processes.identity();
  assert.deepEqual([identity.pid, identity.startTicks, identity.bootId], [Deno.pid, null, null]);
  const known = await new Processes().identity();
  assert.equal(await processes.isAlive({ ...known, startTicks: known.startTicks! - 1 }), undefined);
  assert.deepEqual(await processes.reapStrays(), { ended: 0, left: 0 });
  await assert.rejects(processes.endAttempts(crypto.randomUUID(), 2), { code: "permission_denied" });
});
