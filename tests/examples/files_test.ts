import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TOP = [...Deno.readDirSync(`${ROOT}examples`)].map(({ name }) => name);
const FILES = [...TOP.filter((name) => name.endsWith(".ts")), "isolated/main.ts"].toSorted();

/** What a file says about itself in its first comment. */
interface Claim {
  /** How it is run. */
  command: string;
  /** What it prints then. */
  output: string;
}

/** In the comment, the lines that are set in are first the command and then the output. */
function claimOf(text: string): Claim {
  const lines = text.split("\n");
  const comment = lines.slice(0, lines.findIndex((line) => !line.startsWith("//")));
  const blocks = comment.join("\n").split(/^\/\/ {1,3}\S.*$/m).map((block) =>
    [...block.matchAll(/^\/\/ {5}(.*)$/gm)].map(([, line]) => `${line}\n`).join("")
  ).filter((block) => block !== "");
  assert.equal(blocks.length, 2, "one command and one output");
  const [command = "", output = ""] = blocks;
  return { command: command.trim(), output };
}

/** Runs what the file says, with the rights that it names. */
async function run(
  command: string,
  databaseUrl?: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [, args] = /^(?:DATABASE_URL=\S+ )?deno run (.+)$/.exec(command) ?? [];
  assert.ok(args !== undefined, `no command to run: ${command}`);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--frozen", ...args.split(" ")],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }) },
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

for (const file of FILES) {
  Deno.test(`examples/${file} prints what it says`, async () => {
    const { command, output } = claimOf(await Deno.readTextFile(`${ROOT}examples/${file}`));
    assert.ok(command.endsWith(`examples/${file}`), command);
    assert.ok(!/ (-A|--allow-all) /.test(command), "it names the rights it needs");
    const onPostgres = command.startsWith("DATABASE_URL=postgres:");
    await using database = onPostgres ? await createDatabase(await sharedPostgres()) : undefined;
    const { code, stdout, stderr } = await run(command, database?.url);
    assert.deepEqual([stdout, stderr, code], [output, "", 0]);
  });
}

Deno.test("the examples are short and all of them are listed", async () => {
  assert.ok(FILES.length >= 10);
  const page = await Deno.readTextFile(`${ROOT}examples/README.md`);
  for (const file of FILES) {
    assert.ok(page.includes(`](${file})`), `examples/README.md does not list ${file}`);
    const lines = (await Deno.readTextFile(`${ROOT}examples/${file}`)).trimEnd().split("\n").length;
    assert.ok(lines <= 60, `examples/${file} has ${lines} lines`);
  }
  for (const folder of TOP.filter((name) => !name.includes("."))) {
    assert.ok(page.includes(`(${folder}`), `examples/README.md does not list ${folder}`);
  }
});
