import assert from "node:assert/strict";
import { COMMANDS, GROUPS } from "../../src/surfaces/cli/commands.ts";
import { FakeWorld } from "./fake_host.ts";

async function script(shell: string): Promise<string> {
  const ran = await new FakeWorld().run(["completions", shell]);
  assert.equal(ran.exitCode, 0);
  return ran.stdout;
}

/** What bash offers for the last of these words. */
async function complete(...words: string[]): Promise<string[]> {
  const source = `${await script("bash")}
COMP_WORDS=(jobd "$@"); COMP_CWORD=$#; _jobd; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", source, "bash", ...words] })
    .output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

Deno.test("bash: commands, groups, flags, values", async () => {
  const top = [...new Set(COMMANDS.map(({ path }) => path.split(" ")[0] ?? ""))].sort();
  assert.deepEqual((await complete("")).sort(), top);
  assert.deepEqual(await complete("enq"), ["enqueue"]);
  assert.deepEqual((await complete("job", "")).sort(), [
    "archive",
    "cancel",
    "complete",
    "delete",
    "executions",
    "fail",
    "logs",
    "resume",
    "retry",
    "run",
    "show",
    "update",
  ]);
  assert.deepEqual(await complete("job", "sh"), ["show"]);
  assert.deepEqual(await complete("jobs", "--sta"), ["--state"]);
  assert.deepEqual(await complete("jobs", "--state", "d"), ["dead"]);
  assert.deepEqual(await complete("--database-url", "sqlite:x", "jobs", "--queu"), ["--queue"]);
  assert.deepEqual(await complete("worker", "--concurr"), ["--concurrency"]);
  assert.deepEqual(await complete("completions", ""), ["bash", "zsh", "fish"]);
  assert.deepEqual(await complete("jobs", "--log-format", ""), ["json", "console"]);
});

Deno.test("bash: the script loads without a word", async () => {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `set -eu; ${await script("bash")}`],
  }).output();
  assert.equal(code, 0);
  assert.equal(stdout.length + stderr.length, 0);
});

for (const shell of ["zsh", "fish"]) {
  Deno.test(`${shell}: every command and every group is there`, async () => {
    const text = await script(shell);
    for (const { path } of COMMANDS) assert.ok(text.includes(path.split(" ").at(-1) ?? ""), path);
    for (const group of Object.keys(GROUPS)) assert.ok(text.includes(group));
    const unescaped = text.replaceAll("'\\''", "").replaceAll("\\'", "");
    for (const line of unescaped.split("\n")) {
      assert.equal(line.split("'").length % 2, 1, `quotes are balanced: ${line}`);
    }
  });
}
