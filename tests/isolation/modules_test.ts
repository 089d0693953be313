import assert from "node:assert/strict";
import { defineJob, Jobd, JobdError, type WorkerOptions } from "../../src/mod.ts";
import { working } from "../support/real_time.ts";

/** A folder with files of handlers in it, outside of any project. */
class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async with(files: Record<string, string>): Promise<Folder> {
    const folder = new Folder(await Deno.makeTempDir({ prefix: "jobd-modules-" }));
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(`${folder.path}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${folder.path}/${name}`, text);
    }
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

const HEAD = `import { defineJob } from "@jobd/jobd";\n`;

function job(type: string, rest = ""): string {
  return `${HEAD}export const job = defineJob({ type: "${type}", run: () => Deno.pid, ${rest} });\n`;
}

/** What starting a worker with these options says. */
async function refused(options: Partial<WorkerOptions>, code: string, message: RegExp): Promise<void> {
  await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
  await assert.rejects(async () => {
    const worker = jobd.worker(options);
    try {
      await worker.start();
    } finally {
      await worker.stop({ timeoutMs: 0 }).catch(() => {});
    }
  }, (error) => {
    assert.ok(error instanceof JobdError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(`${error.message}\n${error.hint ?? ""}`, message);
    return true;
  });
}

Deno.test("definitions without isolation run in this process, the others of the same files do not", async () => {
  await using folder = await Folder.with({
    "a.ts": `${job("in")}export default defineJob({ type: "out", isolate: true, run: () => Deno.pid });
export const nested = [defineJob({ type: "listed", run: () => Deno.pid })];
export const forProducers = defineJob({ type: "elsewhere" });
export const other = 1;`,
    "deep/er/b.ts": job("deep"),
  });
  await using work = await working({ own: () => "own" }, {
    modules: [`${folder.path}/**/*.ts`, `${folder.path}/a.ts`],
  });
  assert.deepEqual(work.worker.types.toSorted(), ["deep", "in", "listed", "out", "own"]);
  assert.equal((await work.run("in")).result, Deno.pid);
  assert.equal((await work.run("listed")).result, Deno.pid);
  assert.notEqual((await work.run("out")).result, Deno.pid);
  assert.equal((await work.run("own")).result, "own");
});

Deno.test("a worker can isolate all files, and run only some types", async () => {
  await using folder = await Folder.with({
    "a.ts": `${job("a")}export const b = defineJob({ type: "b", run: () => 1 });`,
  });
  await using work = await working([], { modules: [`${folder.path}/a.ts`], isolate: true, types: ["a"] });
  assert.deepEqual(work.worker.types, ["a"]);
  assert.notEqual((await work.run("a")).result, Deno.pid);
});

Deno.test("code of isolated files never runs in this process, not even while it is loaded", async () => {
  await using folder = await Folder.with({
    "a.ts": `${job("a", "isolate: true")}globalThis.leakedFromIsolation = true;`,
  });
  await using work = await working([], { modules: [`${folder.path}/a.ts`] });
  assert.equal((await work.run("a")).state, "completed");
  assert.ok(!("leakedFromIsolation" in globalThis));
});

Deno.test("what a module does while it loads has the rights of its definitions", async () => {
  await using folder = await Folder.with({
    "data.txt": "from a file",
    "a.ts": `const text = Deno.readTextFileSync(new URL("./data.txt", import.meta.url));
${HEAD}export const a = defineJob({ type: "a", permissions: { read: true }, run: () => text });`,
  });
  await using work = await working([], { modules: [`${folder.path}/a.ts`] });
  assert.equal((await work.run("a")).result, "from a file");
  await refused(
    { modules: [`${folder.path}/a.ts`], isolate: true },
    "invalid_config",
    /The handler lacks a right: read access to ".*data\.txt".*\nWhat a module does while it loads/,
  );
});

Deno.test("a module resolves its imports as in its own project, which is not written to", async () => {
  const lock = JSON.stringify({ version: "5" });
  await using folder = await Folder.with({
    "deno.jsonc": `{ // a project of its own\n "imports": { "words": "./lib/words.ts", }, }`,
    "deno.lock": lock,
    "lib/words.ts": `export const word: string = "own";`,
    "jobs/a.ts": `import { word } from "words";
${HEAD}export const a = defineJob({ type: "a", isolate: true, run: () => word });`,
  });
  await using work = await working([], { modules: [`${folder.path}/jobs/a.ts`] });
  assert.equal((await work.run("a")).result, "own");
  assert.equal(await Deno.readTextFile(`${folder.path}/deno.lock`), lock);
});

Deno.test("schedules that files define are stored when the worker starts, isolated or not", async () => {
  const schedule = (name: string, rest = "") =>
    `import { defineJob, defineSchedule } from "@jobd/jobd";
const tick = defineJob({ type: "${name}", run: () => null, ${rest} });
export const jobs = [tick];
export const plan = defineSchedule({ name: "${name}", cron: "0 3 * * *", job: tick, payload: { of: "${name}" } });
`;
  await using folder = await Folder.with({
    "here.ts": schedule("here"),
    "apart.ts": schedule("apart", "isolate: true"),
    "only.ts": `import { defineSchedule } from "@jobd/jobd";
export const plans = [defineSchedule({ name: "only", every: "1h", job: { type: "elsewhere" } })];
`,
  });
  await using work = await working([], { modules: [`${folder.path}/*.ts`] });
  const stored = await work.jobd.schedules.list();
  assert.deepEqual(
    stored.map(({ name, source, spec }) => [name, source, spec.job?.type, spec.job?.payload]),
    [
      ["apart", "code", "apart", { of: "apart" }],
      ["here", "code", "here", { of: "here" }],
      ["only", "code", "elsewhere", undefined],
    ],
  );
  assert.deepEqual(work.worker.types.toSorted(), ["apart", "here"]);
});

Deno.test("files that cannot be used stop the start, and say why", async () => {
  await using folder = await Folder.with({
    "empty.ts": "",
    "none.ts": `export const a = 1;`,
    "producer.ts": `${HEAD}export const a = defineJob({ type: "a" });`,
    "broken.ts": "export const = 1;",
    "throws.ts": `throw new RangeError("not today");`,
    "missing.ts": `import "./nowhere.ts";`,
    "a.ts": job("same"),
    "b.ts": job("same", "isolate: true"),
    "twice.ts": `${job("twice")}export const b = defineJob({ type: "c", aliases: ["twice"], run: () => 1 });`,
    "bad.ts": job("bad", "permissions: { network: true }"),
    "plan.ts": `import { defineSchedule } from "@jobd/jobd";
export const plan = defineSchedule({ name: "nightly", cron: "0 3 * * *" });
`,
    "plan_too.ts": `export { plan } from "./plan.ts";`,
    "deno/deno.json": "{ no json",
    "deno/a.ts": job("a"),
  });
  const file = (name: string) => [`${folder.path}/${name}`];
  const cases: [string[], string, RegExp][] = [
    [file("nowhere.ts"), "invalid_request", /There is no file of handlers ".*nowhere\.ts"\nPaths start from/],
    [file("*.js"), "invalid_request", /There is no file of handlers ".*\*\.js"/],
    [
      [folder.path],
      "invalid_request",
      /is a folder, not a file of handlers\nName its files, such as ".*\/\*\.ts"/,
    ],
    [
      file("empty.ts"),
      "invalid_config",
      /empty\.ts has no handlers: it exports nothing\nExport what `defineJob/,
    ],
    [
      file("none.ts"),
      "invalid_config",
      /none\.ts has no handlers: none of its exports is a definition with a `run`/,
    ],
    [file("producer.ts"), "invalid_config", /none of its exports is a definition with a `run`/],
    [file("broken.ts"), "invalid_config", /Cannot load the handlers of .*broken\.ts/],
    [file("throws.ts"), "invalid_config", /Cannot load the handlers of .*throws\.ts: .*not today/],
    [file("missing.ts"), "invalid_config", /Cannot load the handlers of .*missing\.ts: .*nowhere\.ts/],
    [
      [...file("a.ts"), ...file("b.ts")],
      "invalid_config",
      /"same" is defined in .*a\.ts and in .*b\.ts\nKeep one/,
    ],
    [file("twice.ts"), "invalid_config", /"twice" is defined twice in .*twice\.ts/],
    [
      [...file("plan.ts"), ...file("plan_too.ts")],
      "invalid_config",
      /The schedule "nightly" is defined in .*plan\.ts and in .*plan_too\.ts/,
    ],
    [file("bad.ts"), "invalid_config", /Unknown key "network" in permissions/],
    [file("deno/a.ts"), "invalid_config", /deno\.json is not JSON/],
  ];
  for (const [modules, code, message] of cases) await refused({ modules }, code, message);
  await refused({ modules: file("a.ts"), types: ["other"] }, "invalid_request", /"other"\nKnown types: same/);
  await refused(
    { modules: file("a.ts"), handlers: { same: () => 1 } },
    "invalid_request",
    /Two handlers for the type "same"/,
  );
  await refused(
    { modules: file("b.ts"), deno: "/nowhere/deno" },
    "invalid_config",
    /"\/nowhere\/deno" was not found\nName another Deno in JOBD_DENO/,
  );
});

Deno.test("a definition that wants a process of its own is taken from its file only", async () => {
  const isolated = defineJob({ type: "a", permissions: {}, run: () => 1 });
  await refused({ handlers: [isolated] }, "invalid_request", /"a" wants a process of its own\n.*`modules`/);
  await refused({}, "invalid_request", /A worker without handlers cannot run anything/);
});
