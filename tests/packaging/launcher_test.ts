import assert from "node:assert/strict";
import { join } from "node:path";
import { executable } from "../../src/packaging/executable.ts";
import { flags } from "../../src/packaging/program.ts";

// These tests put a shell script in Deno's place: it says how it was started.
const FAKE_DENO = `#!/bin/sh
[ "$1" = --version ] && exit 0
for last; do :; done
case $last in
  arguments) printf '%s\\n' "$@" ;;
  pid) echo $$ ;;
  exit) exit 7 ;;
  wait) trap 'exit 9' TERM; echo waiting; while :; do sleep 0.1; done ;;
  *) echo "program $(cat "$(dirname "$0")/main.js")" ;;
esac
`;
const PROGRAM = "no JavaScript\n";

Deno.test("the first start unpacks into the user's cache, for this user only, and later starts find it", async () => {
  await using world = await World.create();
  assert.deepEqual(await world.run(["x"]), { code: 0, out: `program ${PROGRAM}`, error: "" });
  const folder = await world.unpacked();
  const { mode, mtime } = await Deno.stat(folder);
  assert.equal((mode ?? 0) & 0o777, 0o700);
  await world.run(["x"]);
  assert.deepEqual((await Deno.stat(folder)).mtime, mtime);
});

Deno.test("the program gets its rights, no configuration of the folder it runs in, and all arguments", async () => {
  await using world = await World.create();
  const { out } = await world.run(["with space", "*", "", "arguments"]);
  const home = await world.unpacked();
  assert.deepEqual(out.split("\n"), [
    ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-npm", "--no-remote"],
    ...["--allow-net", "--allow-read", `--import-map=${home}/import_map.json`, `${home}/main.js`],
    ...["with space", "*", "", "arguments", ""],
  ]);
});

Deno.test("many first starts at once all succeed and leave one folder", async () => {
  await using world = await World.create();
  const runs = await Promise.all(Array.from({ length: 8 }, () => world.run(["x"])));
  for (const run of runs) assert.deepEqual(run, { code: 0, out: `program ${PROGRAM}`, error: "" });
  const left = await Array.fromAsync(Deno.readDir(await world.unpacked()));
  assert.deepEqual(left.map(({ name }) => name).sort(), ["deno", "import_map.json", "main.js"]);
});

for (const file of ["deno", "main.js", "import_map.json"]) {
  Deno.test(`a damaged ${file} in the cache is never used`, async () => {
    await using world = await World.create();
    await world.run(["x"]);
    await Deno.truncate(join(await world.unpacked(), file), 3);
    assert.deepEqual(await world.run(["x"]), { code: 0, out: `program ${PROGRAM}`, error: "" });
  });
}

Deno.test("it is one process: pid, exit code and signals are the program's own", async () => {
  await using world = await World.create();
  assert.equal((await world.run(["exit"])).code, 7);
  const child = world.spawn(["pid"]);
  const { stdout } = await child.output();
  assert.equal(Number(new TextDecoder().decode(stdout)), child.pid);
  const waiting = world.spawn(["wait"]);
  const reader = waiting.stdout.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "waiting\n");
  waiting.kill("SIGTERM");
  assert.equal((await waiting.status).code, 9);
  await Promise.all([reader.cancel(), waiting.stderr.cancel()]);
});

Deno.test("without a place to unpack it says what to do, with exit code 2", async () => {
  await using world = await World.create();
  const occupied = join(world.folder, "occupied");
  await Deno.writeTextFile(occupied, "");
  const cases: [Record<string, string>, RegExp][] = [
    [{ HOME: "" }, /neither HOME nor XDG_CACHE_HOME is set: set XDG_CACHE_HOME/],
    [{ HOME: occupied }, /cannot write to .*occupied\/.cache: set XDG_CACHE_HOME to a folder/],
    [{ XDG_CACHE_HOME: occupied }, /cannot write to .*occupied: set XDG_CACHE_HOME to a folder/],
  ];
  for (const [env, message] of cases) {
    const { code, out, error } = await world.run(["x"], env);
    assert.deepEqual({ code, out }, { code: 2, out: "" });
    assert.match(error, message);
  }
});

Deno.test("where programs may not run, it says so and leaves nothing behind", async () => {
  await using world = await World.create("#!/bin/sh\nexit 126\n");
  const { code, error } = await world.run(["x"]);
  assert.equal(code, 2);
  assert.match(error, /cannot run programs from .*: set XDG_CACHE_HOME to a folder on another disk/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(join(world.folder, ".cache", "jobd"))), []);
});

Deno.test("a cut-off download is refused and leaves nothing behind", async () => {
  await using world = await World.create();
  await Deno.truncate(world.file, (await Deno.stat(world.file)).size - 50);
  const { code, error } = await world.run(["x"]);
  assert.equal(code, 2);
  assert.match(error, /^jobd: cannot unpack .*: .*unexpected end of file\n$/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(join(world.folder, ".cache", "jobd"))), []);
});

Deno.test("the same input gives the same bytes, another one another cache folder", () => {
  assert.deepEqual(build(FAKE_DENO), build(FAKE_DENO));
  const home = (bytes: Uint8Array) => /^home=.*$/m.exec(new TextDecoder().decode(bytes))?.[0];
  assert.notEqual(home(build(FAKE_DENO)), home(build(`${FAKE_DENO}#`)));
});

function build(deno: string): Uint8Array {
  const file = (name: string, text: string) => ({ name, content: bytes(text), executable: false });
  return executable({
    version: "1.2.3",
    flags: flags(["deno", "run", "--frozen", "--allow-net", "--allow-read", "main.ts"]),
    deno: bytes(deno),
    files: [file("main.js", PROGRAM), file("import_map.json", "{}")],
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An executable in a folder that is also an empty HOME. */
class World implements AsyncDisposable {
  readonly file: string;

  private constructor(readonly folder: string) {
    this.file = join(folder, "jobd");
  }

  static async create(deno: string = FAKE_DENO): Promise<World> {
    const world = new World(await Deno.makeTempDir());
    await Deno.writeFile(world.file, build(deno), { mode: 0o755 });
    return world;
  }

  spawn(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
    return new Deno.Command(this.file, {
      args,
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", HOME: this.folder, ...env },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async run(
    args: string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number; out: string; error: string }> {
    const { code, stdout, stderr } = await this.spawn(args, env).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
  }

  /** The one folder it was unpacked to. */
  async unpacked(): Promise<string> {
    const cache = join(this.folder, ".cache", "jobd");
    const folders = await Array.fromAsync(Deno.readDir(cache));
    assert.deepEqual(folders.map(({ name }) => /^1\.2\.3-[0-9a-f]{16}$/.test(name)), [true]);
    return join(cache, folders[0]?.name ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
