import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import { commandsDocument } from "../../src/surfaces/cli/documents.ts";
import { envExample, settingsTable } from "../../src/surfaces/config/documents.ts";
import { HANDLER_KEYS } from "../../src/surfaces/config/handler_sections.ts";
import { type ConfigInput, loadConfig } from "../../src/surfaces/config/load.ts";
import { nearest } from "../../src/surfaces/config/nearest.ts";
import { settingsList } from "../../src/surfaces/config/settings.ts";

interface Given {
  flags?: ConfigInput["flags"];
  env?: Record<string, string>;
  files?: Record<string, string | Record<string, unknown>>;
  path?: string;
}

function load({ flags = {}, env = {}, files = {}, path }: Given): ReturnType<typeof loadConfig> {
  return loadConfig({
    flags,
    env: (name) => env[name],
    files: {
      isFile: (name) => Promise.resolve(Object.hasOwn(files, name)),
      readText: (name) => Promise.resolve(files[name] as string),
      importModule: (name) => {
        const module = files[name];
        return typeof module === "object"
          ? Promise.resolve(module)
          : Promise.reject(new SyntaxError(`Unexpected token\nat ${name}`));
      },
    },
    path,
  });
}

async function refused(given: Given): Promise<JobdError> {
  const error = await load(given).then(() => assert.fail("accepted"), (thrown: unknown) => thrown);
  assert.ok(error instanceof JobdError, String(error));
  return error;
}

Deno.test("settings: defaults", async () => {
  const { values, sources } = await load({});
  assert.equal(values.databaseUrl, "sqlite:jobd.db");
  assert.equal(values.databaseListenUrl, undefined);
  assert.equal(values.workerConcurrency, 10);
  assert.equal(values.workerQueues, "all");
  assert.equal(values.workerPollInterval, 1_000);
  assert.equal(values.workerLease, 30_000);
  assert.equal(values.workerShutdownTimeout, 30_000);
  assert.equal(values.jobDefaultTimeout, 300_000);
  assert.equal(values.logFormat, undefined);
  assert.ok(Object.values(sources).every((source) => source === "default"));
});

Deno.test("settings: every default is allowed and every reader says what is", () => {
  for (const [name, setting] of settingsList()) {
    if (setting.default !== undefined) assert.notEqual(setting.reader.read(setting.default), undefined, name);
    else assert.ok(setting.otherwise, name);
    assert.ok(setting.reader.allowed.length > 3, name);
  }
});

Deno.test("settings: flags beat variables, which beat the file, which beats defaults", async () => {
  const file = { "jobd.json": JSON.stringify({ worker: { concurrency: 2 }, namespace: "file" }) };
  const env = { WORKER_CONCURRENCY: "3", JOBD_NAMESPACE: "" };
  const one = await load({ files: file });
  assert.deepEqual([one.values.workerConcurrency, one.sources.workerConcurrency], [2, "file"]);
  const two = await load({ files: file, env });
  assert.deepEqual([two.values.workerConcurrency, two.sources.workerConcurrency], [3, "environment"]);
  assert.equal(two.values.namespace, "file", "an empty variable counts as not set");
  const three = await load({ files: file, env, flags: { workerConcurrency: "4" } });
  assert.deepEqual([three.values.workerConcurrency, three.sources.workerConcurrency], [4, "flag"]);
});

Deno.test("settings: a module exports config, or a default", async () => {
  const config = {
    databaseUrl: "sqlite:a.db",
    worker: { queues: { high: 6, default: 1 }, pollInterval: 500 },
  };
  const { values, file } = await load({ files: { "jobd.config.ts": { config } } });
  assert.equal(values.databaseUrl, "sqlite:a.db");
  assert.deepEqual(values.workerQueues, { high: 6, default: 1 });
  assert.equal(values.workerPollInterval, 500);
  assert.equal(file?.path, "jobd.config.ts");
  const other = await load({
    files: { "deploy/x.ts": { default: { namespace: "n" } } },
    path: "deploy/x.ts",
  });
  assert.equal(other.values.namespace, "n");
});

Deno.test("settings: sections of handlers are handed on as they are", async () => {
  const { file } = await load({
    files: { "jobd.json": '{"commands":{"greet":{"command":"echo"}}}' },
  });
  assert.deepEqual(file?.sections, { commands: { greet: { command: "echo" } } });
});

Deno.test("settings: queues in order, by weight, all", async () => {
  const queues = async (text: string): Promise<unknown> =>
    (await load({ env: { WORKER_QUEUES: text } })).values.workerQueues;
  assert.equal(await queues("*"), "all");
  assert.deepEqual(await queues("critical, default,low"), ["critical", "default", "low"]);
  assert.deepEqual(await queues("high=6,default=1"), { high: 6, default: 1 });
});

const WRONG: [name: string, given: Given, message: string, hint?: string][] = [
  [
    "a word for a number",
    { env: { WORKER_CONCURRENCY: "ten" } },
    'WORKER_CONCURRENCY: "ten" is not an integer from 1 to 1000',
  ],
  [
    "a number out of range",
    { env: { WORKER_CONCURRENCY: "1001" } },
    '"1001" is not an integer from 1 to 1000',
  ],
  ["a fraction", { flags: { workerConcurrency: "1.5" } }, '--concurrency: "1.5" is not an integer'],
  [
    "a duration without unit",
    { env: { WORKER_POLL_INTERVAL: "1000" } },
    'WORKER_POLL_INTERVAL: "1000" is not a duration from 10ms to 1h',
  ],
  ["a duration out of range", { env: { WORKER_POLL_INTERVAL: "1ms" } }, "is not a duration from 10ms to 1h"],
  [
    "a lease too short",
    { env: { WORKER_LEASE: "999ms" } },
    'WORKER_LEASE: "999ms" is not a duration from 1s to 1h',
  ],
  ["a lease too long", { files: { "jobd.json": '{"worker":{"lease":"61m"}}' } }, "jobd.json: worker.lease"],
  ["a queue twice", { env: { WORKER_QUEUES: "a,a" } }, "WORKER_QUEUES"],
  ["a weight that is none", { env: { WORKER_QUEUES: "a=x,b=1" } }, "weights from 1 to 1000"],
  ["no queue", { env: { WORKER_QUEUES: "," } }, "WORKER_QUEUES"],
  [
    "a level",
    { env: { LOG_LEVEL: "verbose" } },
    'LOG_LEVEL: "verbose" is not one of debug, info, warn, error',
  ],
  ["a format", { env: { LOG_FORMAT: "xml" } }, 'LOG_FORMAT: "xml" is not one of json, console'],
  [
    "a store of another kind",
    { env: { DATABASE_URL: "mysql://u:secret@h/d" } },
    "DATABASE_URL: the value is not a store URL",
  ],
  [
    "a listen URL that is SQLite",
    { env: { DATABASE_LISTEN_URL: "sqlite:x" } },
    "DATABASE_LISTEN_URL: the value is not a PostgreSQL URL",
  ],
  [
    "an unknown key",
    { files: { "jobd.json": '{"wroker":{}}' } },
    'jobd.json: unknown key "wroker"',
    'Did you mean "worker"?',
  ],
  [
    "an unknown key in a group",
    { files: { "jobd.json": '{"worker":{"concurency":1}}' } },
    'unknown key "worker.concurency"',
    'Did you mean "worker.concurrency"?',
  ],
  [
    "a key with a dot",
    { files: { "jobd.json": '{"worker.concurrency":1}' } },
    'unknown key "worker.concurrency"',
  ],
  [
    "a key like nothing",
    { files: { "jobd.json": '{"zzzzzz":1}' } },
    'unknown key "zzzzzz"',
    "Known keys: databaseUrl",
  ],
  ["a key of the prototype", { files: { "jobd.json": '{"constructor":1}' } }, 'unknown key "constructor"'],
  [
    "a wrong value in the file",
    { files: { "jobd.json": '{"worker":{"concurrency":"many"}}' } },
    'jobd.json: worker.concurrency: "many" is not an integer',
  ],
  [
    "null in the file",
    { files: { "jobd.json": '{"namespace":null}' } },
    "jobd.json: namespace: null is not a namespace name",
  ],
  [
    "a group that is none",
    { files: { "jobd.json": '{"worker":5}' } },
    "jobd.json: worker is 5, not an object",
  ],
  ["a list as config", { files: { "jobd.json": "[]" } }, "the config is not an object"],
  ["broken JSON", { files: { "jobd.json": "{" } }, "jobd.json is not JSON"],
  [
    "a key twice",
    { files: { "jobd.json": '{"namespace":"a","namespace":"b"}' } },
    'the key "namespace" appears twice',
  ],
  [
    "a module without config",
    { files: { "jobd.config.ts": { other: 1 } } },
    "jobd.config.ts exports no config",
    "export const config",
  ],
  [
    "a module that does not load",
    { files: { "jobd.config.ts": "syntax" } },
    "jobd.config.ts cannot be loaded: Unexpected token",
  ],
  [
    "two files",
    { files: { "jobd.json": "{}", "jobd.config.ts": { config: {} } } },
    "two config files: jobd.config.ts and jobd.json",
    "--config",
  ],
  ["a missing file", { path: "x.json" }, 'There is no config file "x.json"'],
  [
    "a base above the maximum",
    { files: { "jobd.json": '{"backoff":{"base":"2h"}}' } },
    "backoff.base (7200000 ms) is longer than backoff.max",
  ],
];

for (const [name, given, message, hint = ""] of WRONG) {
  Deno.test(`settings: ${name} is refused`, async () => {
    const error = await refused(given);
    assert.ok(["invalid_config", "invalid_request"].includes(error.code));
    assert.ok(error.message.includes(message), `${error.message}\ndoes not hold\n${message}`);
    assert.ok((error.hint ?? "").includes(hint), error.hint ?? "no hint");
    assert.ok(!error.message.includes("secret"));
  });
}

Deno.test("nearest: what was meant, or nothing", () => {
  assert.equal(nearest("wroker", ["worker", "jobs"]), "worker");
  assert.equal(nearest("JOBS", ["worker", "jobs"]), "jobs");
  assert.equal(nearest("xyz", ["worker", "jobs"]), undefined);
  assert.equal(nearest("", ["worker"]), undefined);
});

Deno.test(".env.example is what the table of settings says", async () => {
  const text = await Deno.readTextFile(new URL("../../.env.example", import.meta.url));
  assert.equal(text, envExample(), "run `deno task docs`");
  for (const line of text.split("\n").filter((line) => /^#[A-Z_]+=/.test(line))) {
    const [name = "", value = ""] = line.slice(1).split("=", 2);
    await load({ env: { [name]: value } });
  }
});

Deno.test("docs/configuration.md holds the table of settings", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));
  assert.ok(text.includes(settingsTable()), "run `deno task docs`");
});

Deno.test("docs/configuration.md names every key of the handlers' sections", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));
  const agent = text.slice(text.indexOf("### `agent`"), text.indexOf("### `commands`"));
  const commands = text.slice(text.indexOf("### `commands`"), text.indexOf("### `http`"));
  const http = text.slice(text.indexOf("### `http`"), text.indexOf("## Queues"));
  for (const key of HANDLER_KEYS.agent) assert.ok(agent.includes(`\`${key}\``), key);
  for (const key of [...HANDLER_KEYS.command, ...HANDLER_KEYS.slot]) {
    assert.ok(commands.includes(`\`${key}\``), key);
  }
  for (const key of [...HANDLER_KEYS.http, ...HANDLER_KEYS.target]) {
    assert.ok(http.includes(`\`${key}\``), key);
  }
});

Deno.test("docs/commands.md is what the table of commands says", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/commands.md", import.meta.url));
  assert.equal(text, commandsDocument(), "run `deno task docs`");
});
