import assert from "node:assert/strict";
import { COMMANDS, GROUPS } from "../../src/surfaces/cli/commands.ts";
import { kebab } from "../../src/surfaces/cli/command.ts";
import { settingsOf } from "../../src/surfaces/cli/flags.ts";
import { FakeWorld } from "./fake_host.ts";

for (const command of COMMANDS) {
  Deno.test(`jobd ${command.path} --help: summary, every flag, examples`, async () => {
    const ran = await new FakeWorld().run([...command.path.split(" "), "--help"]);
    assert.equal(ran.exitCode, 0);
    assert.ok(ran.stdout.startsWith(`Usage: jobd ${command.path} `));
    for (const name of Object.keys(command.options)) assert.ok(ran.stdout.includes(`--${kebab(name)}`), name);
    for (const [, setting] of settingsOf(command)) {
      assert.ok(ran.stdout.includes(`--${setting.flag} `), setting.key);
    }
    assert.ok(command.examples.length > 0);
    for (const [line] of command.examples) assert.ok(ran.stdout.includes(line));
  });

  Deno.test(`jobd ${command.path}: its action is there`, async () => {
    // An unknown flag is refused before anything is loaded, so each action is imported here by its help text's table.
    const source = command.run.toString();
    const [, path = "", name = ""] = /import\("(.+?)"\)\)\.(\w+)\(/.exec(source) ?? [];
    const module = await import(
      new URL(path, new URL("../../src/surfaces/cli/commands/", import.meta.url)).href
    );
    assert.equal(typeof module[name], "function");
  });
}

Deno.test("jobd --help: every command, exit codes, precedence", async () => {
  const ran = await new FakeWorld().run(["--help"]);
  assert.equal(ran.exitCode, 0);
  for (const { path } of COMMANDS) assert.ok(ran.stdout.includes(`\n  ${path.split(" ")[0]} `), path);
  assert.match(ran.stdout, /Flags beat environment variables/);
  assert.match(ran.stdout, /\n {2}6 +refused/);
});

Deno.test("jobd GROUP --help: its commands", async () => {
  for (const group of Object.keys(GROUPS)) {
    const ran = await new FakeWorld().run([group, "--help"]);
    assert.equal(ran.exitCode, 0);
    for (const { path } of COMMANDS.filter(({ path }) => path.startsWith(`${group} `))) {
      assert.ok(ran.stdout.includes(`  ${path.slice(group.length + 1)} `), path);
    }
  }
});

Deno.test("jobd version and jobd --version", async () => {
  const world = new FakeWorld();
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assert.equal((await world.run(["--version"])).stdout, `${version}\n`);
  assert.match((await world.run(["version"])).stdout, new RegExp(`^jobd ${version} \\(deno `));
  assert.equal((await world.run(["version", "--json"])).json().jobd, version);
});
