import assert from "node:assert/strict";
import { join } from "node:path";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { Installed } from "./installed.ts";

// The real executable, built once as users build it; what each start does is in launcher_test.ts.
const built = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(built, { recursive: true }));
const executable = join(built, "jobd");
await build("src/packaging/compile.ts", executable);
const installed = join(built, "installed", "jobd");
await build("src/packaging/install.ts", join(built, "installed"));
const postgres = await sharedPostgres();

Deno.test("two first starts at once with an empty HOME both work", async () => {
  await using jobd = await Installed.create(executable);
  const versions = await Promise.all([jobd.run("version"), jobd.run("version")]);
  const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
  for (const { code, out } of versions) {
    assert.equal(code, 0);
    assert.ok(out.includes(version), out);
  }
  assert.match((await jobd.run("--help")).out, /Usage: jobd/);
});

Deno.test("wrong use ends with the program's own exit code", async () => {
  await using jobd = await Installed.create(executable);
  const { code, error } = await jobd.run("enqueue", "--no-such-flag");
  assert.equal(code, 2);
  assert.match(error, /no-such-flag/);
});

Deno.test("on SQLite: migrate, enqueue, a worker that runs the job and ends on SIGTERM", async () => {
  await using jobd = await Installed.create(executable);
  await runsJobs(jobd, "sqlite:jobs.db");
});

Deno.test("on PostgreSQL: migrate, enqueue, a worker that runs the job and ends on SIGTERM", async () => {
  await using database = await createDatabase(postgres);
  await using jobd = await Installed.create(executable);
  await runsJobs(jobd, database.url);
});

Deno.test("the installed form is the same program in a folder of its own", async () => {
  await using jobd = await Installed.create(installed);
  await runsJobs(jobd, "sqlite:jobs.db");
});

for (
  const [form, path] of [["executable", executable], [
    "installed form",
    join(built, "installed", "jobd"),
  ]] as const
) {
  Deno.test(`the ${form} runs files of handlers, in processes of their own with its own Deno`, async () => {
    await using jobd = await Installed.create(path);
    await Deno.writeTextFile(
      join(jobd.folder, "jobs.ts"),
      `import { defineJob, snooze } from "@jobd/jobd";
export const own = defineJob({ type: "own", isolate: true, run: async ({ attempt }, { step }) =>
  attempt === 1 ? snooze("1ms") : await step("pid", () => Deno.permissions.querySync({ name: "read" }).state) });
export const here: unknown = defineJob({ type: "here", run: () => Deno.permissions.querySync({ name: "read" }).state });`,
    );
    assert.equal((await jobd.run("migrate")).code, 0);
    const started = jobd.spawn("start", "--handlers", "jobs.ts");
    try {
      for (const [type, right] of [["own", "prompt"], ["here", "granted"]] as const) {
        const { id = "" } = await jobd.json("enqueue", type);
        assert.equal(await finalState(jobd, id, []), "completed");
        assert.equal((await jobd.json("job", "show", id))["result"], right);
      }
    } finally {
      started.kill("SIGTERM");
    }
    assert.equal((await started.output()).code, 0);
  });

  Deno.test(`the ${form} serves the API`, async () => {
    await using jobd = await Installed.create(path);
    assert.equal((await jobd.run("migrate")).code, 0);
    const secret = (await jobd.run("tokens", "create", "test", "--role", "admin")).out.trim();
    const server = jobd.spawn("serve");
    const lines = server.stderr.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    const { value: line = "" } = await lines.next();
    const { url } = JSON.parse(line.split("\n", 1)[0] ?? "");
    const answer = await fetch(`${url}/api/v1/openapi.json`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    assert.equal((await answer.json()).openapi, "3.1.0");
    for (
      const [file, start] of [["", "<!doctype html>"], ["/script.js", "//"], ["/style.css", ":root"]] as const
    ) {
      const page = await fetch(`${url}/api/docs${file}`);
      assert.ok((await page.text()).startsWith(start), file);
    }
    server.kill("SIGTERM");
    for await (const _ of { [Symbol.asyncIterator]: () => lines }) { /* to its end */ }
    await server.stdout.cancel();
    assert.equal((await server.status).code, 0);
  });
}

async function runsJobs(jobd: Installed, store: string): Promise<void> {
  await jobd.program("claude", "echo done by the agent");
  const url = ["--database-url", store];
  assert.equal((await jobd.run("migrate", ...url)).code, 0);
  const payload = JSON.stringify({ prompt: "hello", cwd: jobd.folder });
  const { id = "" } = await jobd.json("enqueue", ...url, "--payload", payload);
  const worker = jobd.spawn("worker", ...url);
  try {
    assert.equal(await finalState(jobd, id, url), "completed");
    assert.match((await jobd.run("job", "logs", id, ...url)).out, /done by the agent/);
  } finally {
    worker.kill("SIGTERM");
  }
  const { code, stderr } = await worker.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

async function finalState(jobd: Installed, id: string, url: string[]): Promise<string> {
  for (;;) {
    const { state = "" } = await jobd.json("job", "show", id, ...url);
    if (!["available", "running", "scheduled"].includes(state)) return state;
  }
}

async function build(script: string, target: string): Promise<void> {
  const permissions = ["read", "write", "env", "run"].map((name) => `--allow-${name}`);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", ...permissions, script, target],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
