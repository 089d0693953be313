import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { npmPackage } from "../../src/packaging/npm.ts";
import { untar } from "../../src/packaging/tar.ts";

const archive = await npmPackage();
const texts = new Map(
  untar(gunzipSync(archive)).map(({ name, content }) => [name, new TextDecoder().decode(content)]),
);

Deno.test("npm: the same sources give the same package", async () => {
  assert.deepEqual(await npmPackage(), archive);
});

Deno.test("npm: the package has the library, its types and its license, and nothing else", () => {
  const other = [...texts.keys()].filter((name) => !/^package\/lib\/[\w/-]+(\.js|\.d\.ts)$/.test(name));
  const wanted = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
  assert.deepEqual(other.sort(), wanted.map((name) => `package/${name}`));
  const outside = [...texts.keys()].filter((name) => /surfaces|packaging|handlers/.test(name));
  assert.deepEqual(outside, []);
});

Deno.test("npm: the manifest names what is there, and the packages that it needs", () => {
  const manifest = JSON.parse(texts.get("package/package.json") ?? "");
  assert.deepEqual([manifest.name, manifest.version, manifest.type], [config.name, config.version, "module"]);
  const { croner, pg } = config.imports;
  const range = (specifier: string): string => specifier.replace(/^npm:\w+@/, "^");
  assert.deepEqual(manifest.dependencies, { croner: range(croner), pg: range(pg) });
  assert.deepEqual(Object.keys(manifest.exports), Object.keys(config.exports));
  const places = Object.values<Record<string, string>>(manifest.exports).flatMap((one) => Object.values(one));
  for (const path of places) assert.ok(texts.has(`package/${path.slice(2)}`), path);
});

Deno.test("npm: every file that another names is there, and none names a source file or this machine", () => {
  let named = 0;
  for (const [name, text] of texts) {
    if (!name.startsWith("package/lib/")) continue;
    assert.ok(!text.includes(Deno.cwd()), name);
    for (const [, path = ""] of text.matchAll(/(?:from |import\(|URL\(|import )"(\.[^"]+)"/g)) {
      const target = new URL(path, `file:///${name}`).pathname.slice(1);
      const found = name.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target;
      assert.ok(texts.has(found), `${name} names ${path}`);
      named++;
    }
  }
  assert.ok(named > 100, `only ${named} were seen`);
});

Deno.test("npm: the migrations are in it", async () => {
  for (const backend of ["postgres", "sqlite"]) {
    for await (const { name } of Deno.readDir(`migrations/${backend}`)) {
      const sql = await Deno.readTextFile(`migrations/${backend}/${name}`);
      // A line that stands in JavaScript as it is.
      const line = sql.split("\n").find((line) => /^[a-z-][^'"`\\]{20,}$/.test(line));
      assert.ok(
        line !== undefined && texts.values().some((text) => text.includes(line)),
        `${backend}/${name}`,
      );
    }
  }
});

Deno.test("JSR: what is published is the library alone, and passes the checks", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stderr);
  assert.ok(success, text);
  const root = new URL("../../", import.meta.url).href;
  const files = [...text.matchAll(/file:\S+/g)].map(([url]) => url.replace(root, ""));
  const expected =
    /^(CHANGELOG\.md|LICENSE|README\.md|deno\.json|migrations\/|src\/(domain|storage|runtime|testing)\/|src\/mod\.ts$)/;
  assert.deepEqual(files.filter((file) => !expected.test(file)), []);
  for (const path of ["src/mod.ts", "src/testing/mod.ts", "src/runtime/watchdog_thread.ts"]) {
    assert.ok(files.includes(path), path);
  }
});
