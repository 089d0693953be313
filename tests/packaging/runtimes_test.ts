import assert from "node:assert/strict";
import { join } from "node:path";
import { Jobd } from "../../src/mod.ts";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { until } from "../support/process_probe.ts";
import { NpmApp, type RuntimeName } from "./npm_app.ts";
import { block, flaky, hang, runtime, shout } from "./npm/jobs.ts";

const RUNTIMES: readonly RuntimeName[] = ["Node.js", "Bun"];
const BACKENDS = ["postgres", "sqlite"] as const;
/** A lease that does not end while a test runs. */
const LONG_MS = 600_000;

let made: Promise<NpmApp> | undefined;
const app = (): Promise<NpmApp> => made ??= NpmApp.create();

Deno.test.afterAll(async () => await (await made)?.[Symbol.asyncDispose]());

interface Store extends AsyncDisposable {
  readonly url: string;
}

/** An empty store of one test's own. */
async function freshStore(backend: typeof BACKENDS[number]): Promise<Store> {
  if (backend === "postgres") return await createDatabase(await sharedPostgres());
  const folder = await Deno.makeTempDir({ prefix: "jobd-npm-store-" });
  return {
    url: `sqlite:${join(folder, "jobd.db")}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

for (const name of RUNTIMES) {
  for (const backend of BACKENDS) {
    Deno.test(`${name}, ${backend}: jobs that Deno enqueues run there, and their results come back`, async () => {
      const project = await app();
      await using store = await freshStore(backend);
      await using jobd = await Jobd.open(store.url, { migrate: true });
      await using worker = project.start(name, "work.ts", store.url);
      await worker.said;
      const [shouted, flaked] = [
        await jobd.enqueue(shout, { text: "ok" }),
        await jobd.enqueue(flaky, { text: "four" }),
      ];
      assert.deepEqual(await shouted.result({ timeout: "1m" }), { text: "OK", by: name });
      assert.deepEqual(await flaked.result({ timeout: "1m" }), { text: "4", by: name });
      const { attempt, failures } = await jobd.jobs.get(flaked.id);
      assert.deepEqual([attempt, failures], [3, 1]);
      const [first] = await jobd.jobs.executions(flaked.id);
      assert.equal(first?.error?.message, "the first time");
      assert.match(first?.error?.stack ?? "", /jobs\.ts:\d+/);
      const after = (await jobd.jobs.page({ type: "shout", limit: 10 })).items.find(({ id }) =>
        id !== shouted.id
      );
      assert.ok(after);
      assert.deepEqual((await jobd.jobs.wait(after.id, { timeoutMs: 60_000 })).result, {
        text: "AFTER FOUR",
        by: name,
      });
      const { code, error } = await worker.end("SIGTERM");
      assert.equal(code, 0, error);
      assert.deepEqual(await jobd.workers.list(), []);
    });

    Deno.test(`${name}, ${backend}: jobs that are enqueued there run in Deno, and their results come back`, async () => {
      const project = await app();
      await using store = await freshStore(backend);
      await using jobd = await Jobd.open(store.url, { migrate: true });
      await using worker = jobd.worker({ handlers: [shout] });
      await worker.start();
      const out = await project.print(name, "enqueue.ts", store.url, "there");
      assert.deepEqual(JSON.parse(out), { text: "THERE", by: runtime });
      const { items: [job] } = await jobd.jobs.page({ limit: 1 });
      assert.deepEqual([job?.priority, job?.options.tags], [10, ["npm"]]);
    });
  }

  Deno.test(`${name}: its death is seen by Deno, and Deno's death there, long before a lease ends`, async () => {
    await Promise.all([deathOf(name, "Deno"), deathOf("Deno", name)]);
  });

  Deno.test(`${name}: what needs Deno is refused, and says so`, async () => {
    const project = await app();
    const said = (await project.print(name, "refused.ts")).trim().split("\n").map((line) => JSON.parse(line));
    const needs = `Deno, and ${name} runs this program`;
    assert.deepEqual(said.map(({ code, message }) => [code, message]), [
      ["invalid_request", `The option \`isolate\` needs ${needs}`],
      ["invalid_request", `The option \`deno\` needs ${needs}`],
      ["invalid_request", `The definition of "alone" wants a process of its own, which needs ${needs}`],
      [
        "invalid_config",
        `The definition of "own" in isolated.ts wants a process of its own, which needs ${needs}`,
      ],
      [
        "invalid_config",
        "nothing.ts has no handlers: none of its exports is a definition with a `run`, or a schedule",
      ],
      ["invalid_request", 'There is no file of handlers "*.nowhere"'],
      [undefined, undefined],
    ]);
    assert.match(said[0].hint, /worker in a Deno program/);
    assert.deepEqual(said.at(-1), {
      types: ["block", "flaky", "hang", "shout"],
      result: { text: "A", by: name },
    });
  });

  Deno.test(`${name}: the testing kit works there`, async () => {
    const project = await app();
    const out = await project.print(name, "kit.ts");
    assert.deepEqual(JSON.parse(out), {
      state: "completed",
      result: "ada@example.com",
      hours: 1,
      nextInMs: 3_600_000,
    });
  });

  Deno.test(`${name}: CommonJS programs can require the package`, async () => {
    const project = await app();
    assert.equal(await project.print(name, "required.cjs"), "true invalid_config\n");
  });

  Deno.test(`${name}: the example of the documentation runs`, async () => {
    const project = await app();
    const page = await Deno.readTextFile("docs/library.md");
    const example = /^## Node\.js and Bun$[^]*?^```js\n([^]*?)^```$/m.exec(page)?.[1] ?? "";
    await Deno.writeTextFile(join(project.folder, "hello.js"), example);
    assert.equal(await project.print(name, "hello.js"), "Hello Ada\n");
  });
}

Deno.test("a handler that blocks the event loop for longer than its lease keeps its job, there too", async () => {
  await Promise.all(RUNTIMES.map(blocked));
});

Deno.test("Node.js without SQLite says what to do", async () => {
  const project = await app();
  await using store = await freshStore("sqlite");
  const { code, error } = await project.run(
    "Node.js",
    "--no-experimental-sqlite",
    "enqueue.ts",
    store.url,
    "never",
  );
  assert.equal(code, 1);
  assert.match(error, /JobdError: This Node\.js has no SQLite/);
  assert.match(error, /code: 'store_unusable'/);
  assert.match(error, /a store in PostgreSQL/);
});

Deno.test("the types of the package satisfy TypeScript's own compiler", async () => {
  const project = await app();
  assert.equal(
    await project.complaints("types.ts", "jobs.ts", "work.ts", "enqueue.ts", "refused.ts", "kit.ts"),
    "",
  );
});

/** Blocks the event loop of a worker for three of its leases, while another one would like to have the job. */
async function blocked(name: RuntimeName): Promise<void> {
  const project = await app();
  await using store = await freshStore("postgres");
  await using jobd = await Jobd.open(store.url, { migrate: true });
  await using worker = project.start(name, "work.ts", store.url, "2000");
  await worker.said;
  const job = await jobd.enqueue(block, { ms: 6_000 });
  await started(jobd, job.id);
  await using thief = jobd.worker({ handlers: { block: () => "stolen" }, leaseMs: 2_000 });
  await thief.start();
  assert.deepEqual(await job.result({ timeout: "1m" }), { text: "", by: name });
  assert.equal((await jobd.jobs.get(job.id)).attempt, 1);
  const { error } = await worker.end("SIGTERM");
  assert.match(error, /A handler blocks the event loop/);
}

/** Kills a worker in the middle of a job: another one on this machine takes it, although the lease goes on. */
async function deathOf(victim: RuntimeName | "Deno", heir: RuntimeName | "Deno"): Promise<void> {
  const project = await app();
  await using store = await freshStore("sqlite");
  await using jobd = await Jobd.open(store.url, { migrate: true });
  await using dying = project.start(victim, "work.ts", store.url, String(LONG_MS));
  await dying.said;
  const job = await jobd.enqueue(hang, {}, { backoff: { base: 1, max: 1, jitter: "none" } });
  await started(jobd, job.id);
  await using living = project.start(heir, "work.ts", store.url, String(LONG_MS));
  await living.said;
  await dying.end("SIGKILL");
  assert.deepEqual(await job.result({ timeout: "1m" }), { text: "", by: heir });
  const [lost] = await jobd.jobs.executions(job.id);
  assert.equal(lost?.error?.code, "worker_lost");
  assert.equal((await living.end("SIGTERM")).code, 0);
}

/** Resolves when a job runs. */
async function started(jobd: Jobd, jobId: string): Promise<void> {
  await until("the job runs", async () => (await jobd.jobs.get(jobId)).state === "running");
}
