import assert from "node:assert/strict";

const read = (path: string): Promise<string> => Deno.readTextFile(new URL(path, import.meta.url));
const flat = (code: string): string => code.split("\n").map((line) => line.trim()).join("\n").trim();

Deno.test("the transactions that docs/library.md shows are those that run here", async () => {
  const page = await read("../../docs/library.md");
  const section = page.split("\n## ").find((part) => part.startsWith("Within your own transaction")) ?? "";
  const shown = [...section.matchAll(/```ts ignore\n([\s\S]*?)```/g)].map(([, code = ""]) => flat(code));
  assert.equal(shown.length, 4);
  const ran = flat(await read("./examples.ts"));
  for (const code of shown) assert.ok(ran.includes(code), code);
});
