import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { bundle } from "../../src/packaging/bundle.ts";

const files = await bundle();
const texts = new Map(files.map(({ name, content }) => [name, new TextDecoder().decode(content)]));

Deno.test("the same sources give the same bundle", async () => {
  assert.deepEqual(await bundle(), files);
});

Deno.test("the bundle has the program, the library for handler modules, and each thread that it starts", () => {
  const library: string = JSON.parse(texts.get("import_map.json") ?? "").imports["@jobd/jobd"];
  for (const name of ["main.js", library.replace("./", "")]) assert.ok(texts.has(name), name);
  const threads = [...texts].flatMap(([name, text]) =>
    [...text.matchAll(/new URL\("([^"]+)", import\.meta\.url\)/g)].map(([, path = ""]) =>
      join(dirname(name), path)
    )
  );
  assert.ok(threads.length > 0);
  for (const thread of threads) assert.ok(texts.has(thread), thread);
});

Deno.test("the first file loads neither a driver nor the worker before it is needed", () => {
  const main = texts.get("main.js") ?? "";
  for (const lazy of ["node:sqlite", "node:net", "new Worker("]) assert.ok(!main.includes(lazy), lazy);
});

Deno.test("the bundle names no folder of the machine that made it", () => {
  for (const [name, text] of texts) assert.ok(!text.includes(Deno.cwd()), name);
});
