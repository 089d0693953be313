import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };

Deno.test("every task that runs or compiles the program gives it the same rights", () => {
  const { jobd, start } = config.tasks;
  const native = config.tasks["compile:native"];
  const rights = (command: string) => command.split(" ").filter((word) => word.startsWith("--allow-"));
  assert.ok(rights(jobd).length > 0);
  assert.deepEqual(rights(start), rights(jobd));
  assert.deepEqual(rights(native), rights(jobd));
  assert.ok(![jobd, native].some((command) => / (-A|--allow-all) /.test(command)));
});
