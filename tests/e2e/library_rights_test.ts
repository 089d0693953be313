import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** A program as an outsider would write it: a store, a worker, a job. */
const PROGRAM = `import { Jobd } from "@jobd/jobd";

await using jobd = await Jobd.open(Deno.args[0], { migrate: true });
await using worker = jobd.worker({ handlers: { greet: (job) => "Hello " + job.payload }, log: console });
await worker.start();
const job = await jobd.enqueue({ type: "greet", payload: "Ada" });
console.log(await job.result({ timeout: "30s" }));
console.log((await jobd.workers.list()).length, "worker");
`;

/** Runs the program in a folder of its own, from which the library cannot be read. */
async function run(
  store: string,
  rights: (folder: string) => string[],
): Promise<{ code: number; out: string }> {
  const folder = await Deno.makeTempDir({ prefix: "jobd-rights-" });
  try {
    await Deno.writeTextFile(`${folder}/main.ts`, PROGRAM);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-lock", "--config", CONFIG, ...rights(folder), "main.ts", store],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return { code, out: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a program with handlers of its own needs the rights of its SQLite store and no others", async () => {
  const { code, out } = await run("sqlite:own.db", (folder) => [
    `--allow-read=${folder}`,
    `--allow-write=${folder}`,
  ]);
  assert.equal(code, 0, out);
  assert.match(out, /^Hello Ada\n1 worker$/m);
  assert.match(out, /There is no watchdog .*watchdog_thread\.ts/); // that one needs to read the library
});

Deno.test("a program with handlers of its own needs the rights of its PostgreSQL store and no others", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const { host } = new URL(database.url);
  const { code, out } = await run(database.url, () => [`--allow-net=${host}`, "--ignore-env"]);
  assert.equal(code, 0, out);
  assert.match(out, /^Hello Ada\n1 worker$/m);
});

Deno.test("what the rights lack is told, also where the program closes everything by itself", async () => {
  const sqlite = await run("sqlite:own.db", (folder) => [`--allow-read=${folder}`]);
  assert.equal(sqlite.code, 1);
  assert.match(sqlite.out, /Deno does not allow this program to use the store .*own\.db/);

  const nobody = "postgres://postgres@127.0.0.1:1/none";
  const silent = await run(nobody, () => ["--allow-net=127.0.0.1:1"]);
  assert.equal(silent.code, 1);
  assert.match(silent.out, /Deno may not let the client of PostgreSQL see/);
  const offline = await run(nobody, () => ["--ignore-env"]);
  assert.equal(offline.code, 1);
  assert.match(offline.out, /Deno may not connect to 127\.0\.0\.1:1/);
});
