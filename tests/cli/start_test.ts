import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Daemon, ProgramFolder, SHIPPED_FLAGS } from "./program.ts";

interface Module {
  specifier: string;
  dependencies?: { specifier: string; code?: { specifier: string } }[];
}

/** The modules of the program and what each imports, types left out. */
async function modulesOfProgram(): Promise<Map<string, string[]>> {
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", main] }).output();
  const { modules }: { modules: Module[] } = JSON.parse(new TextDecoder().decode(stdout));
  return new Map(modules.map(({ specifier, dependencies = [] }) => [
    specifier,
    dependencies.flatMap(({ code }) => code === undefined ? [] : [code.specifier]),
  ]));
}

/** The program's own files that a command line really loads: those of which a run reports coverage. */
async function filesLoaded(folder: ProgramFolder, args: string[]): Promise<string[]> {
  const reports = `${folder.path}/loaded-${args.join("-").replaceAll(/\W/g, "")}`;
  const ran = await folder.run(args, { flags: [...SHIPPED_FLAGS, `--coverage=${reports}`] });
  assert.equal(ran.code, 0, ran.stderr);
  return await reported(reports);
}

async function reported(reports: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(reports)) {
    files.push(JSON.parse(await Deno.readTextFile(`${reports}/${name}`)).url);
  }
  assert.ok(files.some((url) => url.endsWith("/src/surfaces/cli/run.ts")), files.join());
  return files;
}

/** Packages and parts of Node that those files import, whether at once or when they need them. */
async function outside(files: string[]): Promise<string[]> {
  const modules = await modulesOfProgram();
  const imports = files.flatMap((file) => {
    const found = modules.get(file);
    assert.ok(found !== undefined, `${file} is no module of the program`);
    return found;
  });
  return [...new Set(imports.filter((specifier) => /^(npm|node|jsr|https?):/.test(specifier)))];
}

/** What opens a store, and what only programs that run jobs or talk to PostgreSQL need. */
const STORE = /\/src\/(?:storage\/sqlite\/|runtime\/jobd\.ts)/;
const HEAVY =
  /\/pg\/|\/src\/(?:storage\/(?:postgres|memory)\/|runtime\/(?:engine|attempts|process\/|handlers\/(?:exec\.|claude\.|run_child)|isolation\/(?!isolation\.)))/;

for (const args of [["--help"], ["enqueue", "--help"], ["--version"], ["version"]]) {
  Deno.test(`jobd ${args.join(" ")} loads no store, no package and nothing of Node`, async () => {
    await using folder = await ProgramFolder.create();
    const files = await filesLoaded(folder, args);
    assert.deepEqual(files.filter((url) => STORE.test(url) || HEAVY.test(url)), []);
    assert.deepEqual(await outside(files), []);
  });
}

Deno.test("jobd enqueue on SQLite loads nothing of Node but node:sqlite, and nothing that runs jobs", async () => {
  await using folder = await ProgramFolder.create();
  await folder.run(["migrate"]);
  const files = await filesLoaded(folder, ["enqueue", "hello", "--payload", "{}"]);
  assert.ok(files.some((url) => STORE.test(url)), files.join());
  assert.deepEqual(files.filter((url) => HEAVY.test(url)), []);
  // Not even node:fs: it takes as long to load as the program itself.
  assert.deepEqual(await outside(files), ["node:sqlite"]);
});

Deno.test("a worker without files of handlers loads nothing of what runs them", async () => {
  await using folder = await ProgramFolder.create();
  await folder.run(["migrate"]);
  const reports = `${folder.path}/loaded`;
  const command = folder.command(["worker"], { flags: [...SHIPPED_FLAGS, `--coverage=${reports}`] });
  const daemon = new Daemon(command.spawn());
  await daemon.logged("jobd started");
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
  const files = await reported(reports);
  assert.ok(files.some((url) => url.endsWith("/src/runtime/engine.ts")), files.join());
  assert.deepEqual(files.filter((url) => /\/isolation\/(?!isolation\.)/.test(url)), []);
});
