import assert from "node:assert/strict";
import { REDACTED } from "../../src/mod.ts";
import { FakeWorld, type Ran } from "./fake_host.ts";

const SECRET = "tok_5b1c77e0";
const PAYLOAD = JSON.stringify({ token: SECRET, items: [{ secret: "item-secret", n: 1 }], to: "ada" });
const SHOWN = { token: REDACTED, items: [{ secret: REDACTED, n: 1 }], to: "ada" };
const FLAGS = ["--redact", "token", "--redact", "items.*.secret"];

function assertClean({ stdout, stderr }: Ran): void {
  for (const value of [SECRET, "item-secret"]) {
    assert.ok(!`${stdout}${stderr}`.includes(value), `${value} is in ${stdout}${stderr}`);
  }
}

Deno.test("no command shows what a job redacts, as text or as JSON", async () => {
  const world = new FakeWorld();
  const enqueued = await world.run([
    ...["enqueue", "pay", "--payload", PAYLOAD, ...FLAGS, "--max-attempts", "1", "--tag", SECRET],
    ...["--unique-key", SECRET, "--limit-key", `c-${SECRET}`, "--origin", SECRET, "--header", `a=${SECRET}`],
  ]);
  assert.equal(enqueued.exitCode, 0, enqueued.stderr);
  const id = enqueued.stdout.trim();
  const jobd = await world.jobd();
  assert.deepEqual((await jobd.jobs.get(id, { reveal: true })).payload, JSON.parse(PAYLOAD));
  await using worker = jobd.worker({
    handlers: [{
      type: "pay",
      outOfProcess: true,
      run(job, { log, progress }) {
        const { token } = job.payload as { token: string };
        log(token.slice(0, 6));
        log(`${token.slice(6)}\n`);
        progress({ token });
        throw new Error(`refused ${token}`);
      },
    }],
  });
  await worker.start();
  await jobd.jobs.wait(id);
  const lines = [
    ["job", "show", id],
    ["dead", "show", id],
    ["jobs"],
    ["dead", "list"],
    ["job", "logs", id],
    ["job", "logs", id, "--raw"],
    ["job", "executions", id],
    ["executions"],
  ];
  for (const line of lines) {
    for (const args of [line, [...line, "--json"]]) {
      const ran = await world.run(args);
      assert.equal(ran.exitCode, 0, ran.stderr);
      assertClean(ran);
      assert.ok(ran.stdout.includes(REDACTED), `${args.join(" ")}: ${ran.stdout}`);
    }
  }
  const shown = (await world.run(["job", "show", id, "--json"])).json();
  assert.deepEqual([shown.payload, shown.progress], [SHOWN, { token: REDACTED }]);
  assert.deepEqual(shown.log.lines, [REDACTED]);
  assert.match((await world.run(["job", "show", id])).stdout, /redacts items\.\*\.secret, token/);
  for (const search of [SECRET, "item-", "tok_"]) {
    assert.deepEqual((await world.run(["jobs", "--search", search, "--json"])).json().items, []);
  }
});

Deno.test("enqueue --wait and --follow show neither payload nor result nor log as they are", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  await using worker = jobd.worker({
    handlers: [{
      type: "pay",
      outOfProcess: true,
      run({ payload }, { log }) {
        log(`with ${(payload as { token: string }).token}\n`);
        return { token: "minted-token", echo: (payload as { token: string }).token };
      },
    }],
  });
  await worker.start();
  const args = ["enqueue", "pay", "--payload", PAYLOAD, ...FLAGS];
  const waited = await world.run([...args, "--wait"]);
  assert.deepEqual(waited.json(), { token: REDACTED, echo: REDACTED });
  const followed = await world.run([...args, "--follow", "--json"]);
  assert.deepEqual(followed.json().result, { token: REDACTED, echo: REDACTED });
  assert.match(followed.stderr, /with \[redacted\]/);
  for (const ran of [waited, followed]) assertClean(ran);
  const bulk = await world.run(["enqueue", "pay", "--bulk", "--redact", "token,items.*.secret", "--json"], {
    stdin: `${PAYLOAD}\n${PAYLOAD}\n`,
  });
  assertClean(bulk);
  for (const { id } of bulk.json().items) {
    assert.deepEqual((await world.run(["job", "show", id, "--json"])).json().payload, SHOWN);
  }
});

Deno.test("what an update and a schedule leave as it is stays as it is, and stays redacted", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  const id = (await world.run(["enqueue", "a", "--payload", PAYLOAD, "--redact", "token"])).stdout.trim();
  assert.equal((await world.run(["job", "update", id, "--redact", "items.*.secret"])).exitCode, 0);
  assert.deepEqual((await world.run(["job", "show", id, "--json"])).json().payload, SHOWN);
  const copied = await world.run(["job", "update", id, "--payload", JSON.stringify(SHOWN)]);
  assert.equal(copied.exitCode, 4);
  assert.match(copied.stderr, /in the place of a redacted value/);
  const fresh = await world.run(["job", "update", id, "--payload", '{"key":"k-123"}', "--redact", "key"]);
  assert.equal(fresh.exitCode, 0, fresh.stderr);
  assert.deepEqual((await jobd.jobs.get(id)).options.redact, ["key"]);

  const create = [
    "schedule",
    "create",
    "s",
    "--every",
    "1h",
    "--type",
    "pay",
    "--payload",
    PAYLOAD,
    ...FLAGS,
  ];
  const ran = [
    await world.run(create),
    await world.run(["schedule", "update", "s", "--queue", "slow", "--redact", "to"]),
    await world.run(["schedule", "show", "s"]),
    await world.run(["schedule", "show", "s", "--json"]),
    await world.run(["schedules", "--json"]),
    await world.run(["schedule", "pause", "s", "--json"]),
  ];
  for (const one of ran) {
    assert.equal(one.exitCode, 0, one.stderr);
    assertClean(one);
  }
  assert.ok(!ran[2]!.stdout.includes('"ada"'));
  const { spec } = await jobd.schedules.get("s", { reveal: true });
  assert.deepEqual(spec.job, {
    type: "pay",
    payload: JSON.parse(PAYLOAD),
    queue: "slow",
    redact: ["items.*.secret", "to", "token"],
  });
  const job = (await world.run(["schedule", "run", "s"])).stdout.trim();
  assert.deepEqual((await world.run(["job", "show", job, "--json"])).json().payload, {
    ...SHOWN,
    to: REDACTED,
  });
});

Deno.test("keys that usually hold secrets are not shown, unless the configuration says so", async () => {
  const world = new FakeWorld();
  const payload = { db: { password: "p4ss" }, api_key: "k3y", iban: "DE00", token: "t0k" };
  const id = (await world.run(["enqueue", "a", "--payload", JSON.stringify(payload)])).stdout.trim();
  const show = async (keys?: string): Promise<unknown> => {
    const env = keys === undefined ? {} : { JOBD_REDACT_KEYS: keys };
    const ran = await world.run(["job", "show", id, "--json"], { env });
    assert.equal(ran.exitCode, 0, ran.stderr);
    return ran.json().payload;
  };
  const usual = { ...payload, db: { password: REDACTED }, api_key: REDACTED };
  assert.deepEqual(await show(), usual);
  assert.deepEqual(await show("+iban, TOKEN"), { ...usual, iban: REDACTED, token: REDACTED });
  assert.deepEqual(await show("iban"), { ...payload, iban: REDACTED });
  assert.deepEqual(await show("none"), payload);
  assert.doesNotMatch((await world.run(["job", "show", id])).stdout, /p4ss|k3y/);
  const bad = await world.run(["jobs"], { env: { JOBD_REDACT_KEYS: "a,,b" } });
  assert.equal(bad.exitCode, 2);
  assert.match(bad.stderr, /JOBD_REDACT_KEYS: "a,,b" is not a list of names/);
  const file = { "jobd.json": JSON.stringify({ redactKeys: ["iban"] }) };
  const ran = await world.run(["job", "show", id, "--json", "--config", "jobd.json"], { files: file });
  assert.deepEqual(ran.json().payload, { ...payload, iban: REDACTED });
});

Deno.test("a path that cannot be is refused before anything is stored", async () => {
  const world = new FakeWorld();
  const ran = await world.run(["enqueue", "a", "--redact", "a..b"]);
  assert.equal(ran.exitCode, 2);
  assert.match(ran.stderr, /--redact: "a\.\.b" is not a path such as card\.number or items\.\*\.secret/);
  assert.deepEqual((await world.run(["jobs", "--json"])).json().items, []);
});
