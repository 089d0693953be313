import assert from "node:assert/strict";
import { dirname, join } from "node:path";

const ROOT = new URL("..", import.meta.url).pathname;
const PAGES = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md", "examples/shop/README.md"],
].concat(
  [...Deno.readDirSync(join(ROOT, "docs"))].filter(({ name }) => name.endsWith(".md")).map(({ name }) =>
    `docs/${name}`
  ),
);

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

for (const page of PAGES) {
  Deno.test(`${page} links only to files that exist`, async () => {
    const text = await Deno.readTextFile(join(ROOT, page));
    for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (/^https?:/.test(target)) continue;
      assert.ok(await exists(join(ROOT, dirname(page), target)), `${page} links to ${target}`);
    }
  });

  Deno.test(`${page} names only source files and tests that exist`, async () => {
    const text = await Deno.readTextFile(join(ROOT, page));
    for (const [, path = ""] of text.matchAll(/`((?:src|tests|migrations|examples|bench)\/[\w./-]+)`/g)) {
      assert.ok(await exists(join(ROOT, path)), `${page} names ${path}`);
    }
  });
}

Deno.test("docs/guarantees.md shows each promise by tests that exist", async () => {
  const text = await Deno.readTextFile(join(ROOT, "docs/guarantees.md"));
  const rows = text.split("\n").filter((line) => /^\| *\d+ +\|/.test(line));
  assert.ok(rows.length >= 18);
  for (const row of rows) {
    const shown = row.split("|")[3] ?? "";
    const names = [...shown.matchAll(/`([\w/.-]+)`/g)].map(([, name = ""]) => name);
    assert.ok(names.length > 0, row);
    for (const name of names) {
      const path = name.startsWith("tests/") ? name : `tests/conformance/${name}`;
      assert.ok(await exists(join(ROOT, path)), `${name} in ${row}`);
    }
  }
});
