import assert from "node:assert/strict";
import {
  administer,
  createDatabase,
  type PostgresServer,
  sharedPostgres,
  startPostgres,
} from "../support/postgres_server.ts";
import { freePort } from "../support/server_setup.ts";
import { Daemon, ProgramFolder, type ProgramRun } from "./program.ts";

const SECRET = "hunter2";

/** One wrong thing: what is run, and what must be said about it. */
interface Wrong {
  args: string[];
  env: Record<string, string>;
  code: number;
  says: RegExp;
  hints: RegExp;
}

/** One sentence, one hint, the right exit code, no stack and no password. */
function assertClear(
  { code, stderr, stdout }: ProgramRun,
  wrong: Pick<Wrong, "code" | "says" | "hints">,
): void {
  assert.equal(code, wrong.code, stderr);
  const [sentence = "", hint = "", rest = "", ...more] = stderr.split("\n");
  assert.match(sentence, wrong.says);
  assert.match(sentence, /^jobd: /);
  assert.match(hint, wrong.hints);
  assert.match(hint, /^hint: /);
  assert.deepEqual([rest, more], ["", []], stderr);
  assert.equal(stdout, "");
  assert.ok(!`${stderr}${stdout}`.includes(SECRET), "the password was shown");
}

function changed(
  url: string,
  parts: Partial<Pick<URL, "port" | "pathname" | "username" | "password">>,
): string {
  return Object.assign(new URL(url), parts).href;
}

async function jobCount(folder: ProgramFolder, url: string): Promise<number> {
  const { stdout } = await folder.run(["jobs", "--json"], { env: { DATABASE_URL: url } });
  return JSON.parse(stdout).items.length;
}

/** A server on which one role needs its password. */
async function guardedServer(): Promise<PostgresServer> {
  const server = await startPostgres();
  await administer(server.url, `create role guarded login password '${SECRET}'`);
  const file = `${server.dataDir}/pg_hba.conf`;
  const rule = "host all guarded 127.0.0.1/32 scram-sha-256\n";
  await Deno.writeTextFile(file, rule + await Deno.readTextFile(file));
  await server.restart();
  return server;
}

Deno.test("wrong PostgreSQL stores: a sentence, what to do, the exit code, no password, nothing lost", async (t) => {
  await using folder = await ProgramFolder.create();
  await using database = await createDatabase(await sharedPostgres());
  await using empty = await createDatabase(await sharedPostgres());
  const { url } = database;
  assert.equal((await folder.run(["migrate"], { env: { DATABASE_URL: url } })).code, 0);
  assert.equal((await folder.run(["enqueue", "x"], { env: { DATABASE_URL: url } })).code, 0);
  const away = changed(url, { port: String(freePort()), password: SECRET });
  const enqueue = ["enqueue", "x"];
  const at = (DATABASE_URL: string): Record<string, string> => ({ DATABASE_URL });
  const bulk = ["enqueue", "x", "--bulk", "--payload", "@bulk.ndjson"];
  await folder.write("bulk.ndjson", '{"n":1}\n{"n":2}\n{"n":\n');
  const cases: Record<string, Wrong> = {
    "a server that is away": {
      args: enqueue,
      env: at(away),
      code: 5,
      says: /PostgreSQL at 127\.0\.0\.1:\d+\/jobd_\w+ cannot be reached: .*ECONNREFUSED/,
      hints: /server runs/,
    },
    "a server that is away, for a worker": {
      args: ["worker"],
      env: at(away),
      code: 5,
      says: /cannot be reached/,
      hints: /server runs/,
    },
    "a server that is away, for migrate": {
      args: ["migrate"],
      env: at(away),
      code: 5,
      says: /cannot be reached/,
      hints: /server runs/,
    },
    "a host that has no address": {
      args: enqueue,
      env: at(`postgres://me:${SECRET}@no-such-host.invalid/db`),
      code: 5,
      says: /no-such-host\.invalid\/db cannot be reached/,
      hints: /host, port and network/,
    },
    "a database that does not exist": {
      args: enqueue,
      env: at(changed(url, { pathname: "/nowhere" })),
      code: 5,
      says: /127\.0\.0\.1:\d+\/nowhere has no such database/,
      hints: /createdb/,
    },
    "a role that does not exist": {
      args: enqueue,
      env: at(changed(url, { username: "stranger", password: SECRET })),
      code: 6,
      says: /refused the login: role "stranger" does not exist/,
      hints: /user name and password/,
    },
    "an empty database": {
      args: enqueue,
      env: at(empty.url),
      code: 6,
      says: /has no complete jobd schema "jobd"/,
      hints: /jobd migrate/,
    },
    "an empty database, for a worker": {
      args: ["worker"],
      env: at(empty.url),
      code: 6,
      says: /has no complete jobd schema/,
      hints: /jobd migrate/,
    },
    "a password that is not encoded": {
      args: enqueue,
      env: at(`postgres://me:${SECRET}@${SECRET}@127.0.0.1/db`),
      code: 2,
      says: /Invalid PostgreSQL URL: it has not the form/,
      hints: /percent-encoded/,
    },
    "a copy of a server's data": {
      args: ["backup", "copy.db"],
      env: at(url),
      code: 2,
      says: /A PostgreSQL store cannot be copied/,
      hints: /pg_dump --schema=jobd/,
    },
  };
  for (const [name, wrong] of Object.entries(cases)) {
    await t.step(name, async () => assertClear(await folder.run(wrong.args, { env: wrong.env }), wrong));
  }
  const short: [string, string, RegExp][] = [
    [
      "a port that cannot be",
      `postgres://me:${SECRET}@127.0.0.1:99999/db`,
      /"127\.0\.0\.1:99999" is not host:port/,
    ],
    ["a port that is no number", `postgres://me:${SECRET}@127.0.0.1:five/db`, /is not host or host:port/],
    [
      "a wrong sslmode",
      `postgres://me:${SECRET}@127.0.0.1/db?sslmode=on`,
      /"on" is not an sslmode: one of disable, /,
    ],
    [
      "another program's URL",
      `mysql://me:${SECRET}@127.0.0.1/db`,
      /DATABASE_URL: the value is not a store URL: sqlite:PATH, /,
    ],
  ];
  for (const [name, DATABASE_URL, says] of short) {
    await t.step(name, async () => {
      const { code, stderr } = await folder.run(enqueue, { env: { DATABASE_URL } });
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
      assert.ok(stderr.trimEnd().split("\n").length === 1 && !stderr.includes(SECRET), stderr);
    });
  }
  await t.step("one bad line among many", async () => {
    const { code, stderr } = await folder.run(bulk, { env: at(url) });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^jobd: Line 3: Invalid payload.*\nhint: Nothing was enqueued/);
  });
  assert.equal(await jobCount(folder, url), 1, "what was stored before is there, and nothing else");
});

Deno.test("a wrong password is told apart from a server that is away", async () => {
  await using folder = await ProgramFolder.create();
  await using server = await guardedServer();
  const as = (password: string) => ({
    env: { DATABASE_URL: changed(server.url, { username: "guarded", password }) },
  });
  assertClear(await folder.run(["migrate"], as(`${SECRET}x`)), {
    code: 6,
    says: /refused the login: password authentication failed for user "guarded"/,
    hints: /user name and password/,
  });
  assertClear(await folder.run(["migrate"], as("")), {
    code: 6,
    says: /asks for a password/,
    hints: /user name and password in the database URL/,
  });
  assertClear(await folder.run(["migrate"], as(SECRET)), {
    code: 6,
    says: /refused an operation: permission denied for database postgres/,
    hints: /Grant the role/,
  });
});

Deno.test("a schema of a newer program is refused by every command, and nothing is written", async (t) => {
  await using folder = await ProgramFolder.create();
  await using database = await createDatabase(await sharedPostgres());
  const env = { DATABASE_URL: database.url };
  await folder.run(["migrate"], { env });
  await folder.run(["enqueue", "x"], { env });
  const later = "insert into jobd.migration (number, name, applied_at) values (9999, 'later', now())";
  await administer(database.url, later);
  for (const args of [["migrate"], ["enqueue", "y"], ["worker"], ["start"], ["jobs"], ["queues"]]) {
    await t.step(args.join(" "), async () => {
      assertClear(await folder.run(args, { env }), {
        code: 6,
        says: /made by a newer jobd: its schema is at 9999/,
        hints: /Use the newer jobd/,
      });
    });
  }
  await administer(database.url, "delete from jobd.migration where number = 9999");
  assert.equal(await jobCount(folder, database.url), 1);
});

Deno.test("a database that cannot be written says so, can be read, and doctor counts it as an error", async () => {
  await using folder = await ProgramFolder.create();
  await using database = await createDatabase(await sharedPostgres());
  const env = { DATABASE_URL: database.url };
  await folder.run(["migrate"], { env });
  await folder.run(["enqueue", "x"], { env });
  await administer(
    database.url,
    `alter database ${database.name} set default_transaction_read_only = on`,
  );
  const readOnly = { code: 5, says: /is read-only/, hints: /Name the primary/ };
  assertClear(await folder.run(["enqueue", "y"], { env }), readOnly);
  assertClear(await folder.run(["worker"], { env }), readOnly);
  assert.equal(await jobCount(folder, database.url), 1);
  const doctor = await folder.run(["doctor"], { env });
  assert.equal(doctor.code, 1, doctor.stdout);
  assert.match(doctor.stdout, /^error +role +read-only\n +Jobs can neither be stored nor run/m);
  const { findings } = JSON.parse((await folder.run(["doctor", "--json"], { env })).stdout);
  const names = findings.map(({ name }: { name: string }) => name);
  assert.deepEqual([...new Set(names)], names, "each name stands for one thing");
});

Deno.test("a wrong address for listening costs wake-ups, is said, and stops nothing", async () => {
  await using folder = await ProgramFolder.create();
  await using database = await createDatabase(await sharedPostgres());
  const env = {
    DATABASE_URL: database.url,
    DATABASE_LISTEN_URL: `postgres://me:${SECRET}@127.0.0.1:${freePort()}/x`,
    WORKER_POLL_INTERVAL: "100ms",
  };
  await folder.write("echo.json", '{"commands":{"say":{"command":"echo"}}}');
  await folder.run(["migrate"], { env });
  const worker = new Daemon(folder.command(["worker", "--config", "echo.json"], { env }).spawn());
  await worker.logged("Wake-ups from other processes do not arrive: work is found by polling");
  const ran = await folder.run(["enqueue", "exec", "--payload", '{"command":"say"}', "--wait"], { env });
  assert.equal(ran.code, 0, ran.stderr);
  const doctor = await folder.run(["doctor"], { env });
  assert.match(doctor.stdout, /^warning notifications +do not arrive at present/m);
  assert.ok(!`${doctor.stdout}${doctor.stderr}${ran.stderr}`.includes(SECRET));
  worker.kill("SIGTERM");
  assert.equal(await worker.ended(), 0);
  const { code, stderr } = await folder.run(["enqueue", "x"], {
    env: { ...env, DATABASE_LISTEN_URL: `sqlite:${SECRET}` },
  });
  assert.equal(code, 2);
  assert.match(stderr, /^jobd: DATABASE_LISTEN_URL: the value is not a PostgreSQL URL/);
  assert.ok(!stderr.includes(SECRET));
});

Deno.test("several processes that migrate an empty database at once all succeed, one of them does it", async () => {
  await using folder = await ProgramFolder.create();
  await using database = await createDatabase(await sharedPostgres());
  const env = { DATABASE_URL: database.url };
  const runs = await Promise.all(Array.from({ length: 6 }, () => folder.run(["migrate"], { env })));
  assert.deepEqual(runs.map(({ code }) => code), Array(6).fill(0));
  assert.equal(runs.filter(({ stdout }) => stdout.includes("applied  0001")).length, 1);
  assert.equal((await folder.run(["enqueue", "x"], { env })).code, 0);
});
