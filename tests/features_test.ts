// The table of docs/features.md is complete, and what it links to are tests.
import assert from "node:assert/strict";
import { join } from "node:path";

const ROOT = new URL("..", import.meta.url).pathname;

/** Numbers of the first and the last row of each section that must be there as a whole. */
const SECTIONS: Record<string, [first: number, last: number]> = {
  "1.2": [26, 58],
  "1.3": [59, 74],
  "1.4": [75, 89],
  "1.5": [90, 111],
  "1.6": [112, 139],
  "1.7": [140, 151],
  "1.8": [152, 168],
  "1.9": [169, 180],
  "1.10": [181, 186],
  "1.11": [187, 190],
  "1.12": [191, 214],
  "1.13": [215, 245],
  "1.14": [246, 260],
  "1.15": [261, 277],
  "1.18": [303, 310],
  "2.1": [1, 28],
  "2.2": [1, 18],
  "2.3": [1, 32],
  "2.4": [1, 11],
  "2.5": [1, 13],
  "2.6": [1, 15],
  "2.8": [1, 21],
};

/** Said of rows that need no test: nothing is there to be shown. */
const NOTHING_YET = /^(_later_|no\b)/;

interface Row {
  section: string;
  number: string;
  cells: string[];
}

async function readRows(): Promise<Row[]> {
  const rows: Row[] = [];
  let section = "";
  for (const line of (await Deno.readTextFile(join(ROOT, "docs/features.md"))).split("\n")) {
    section = /^### ([\d.]+|Other)/.exec(line)?.[1] ?? section;
    if (!/^\| *\d/.test(line)) continue;
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    rows.push({ section, number: cells[0] ?? "", cells });
  }
  return rows;
}

const rows = await readRows();

Deno.test("docs/features.md has each row of its sections once, in order", () => {
  for (const [section, [first, last]] of Object.entries(SECTIONS)) {
    const wanted = Array.from({ length: last - first + 1 }, (_, index) => {
      return section.startsWith("1.") ? `${first + index}` : `${section}.${first + index}`;
    });
    assert.deepEqual(
      rows.filter((row) => row.section === section).map(({ number }) => number),
      wanted,
      section,
    );
  }
  const numbers = rows.map(({ number }) => number);
  assert.equal(new Set(numbers).size, numbers.length, "a number occurs twice");
  assert.deepEqual(new Set(rows.map((row) => row.section)), new Set([...Object.keys(SECTIONS), "Other"]));
});

Deno.test("docs/features.md says of each row how it is done, and shows it by tests", async () => {
  const kinds = new Map<string, boolean>();
  for (const { number, cells } of rows) {
    const [, feature = "", how = "", shown = ""] = cells;
    assert.ok(cells.length === 4 && feature !== "" && how !== "", `row ${number}`);
    const links = [...shown.matchAll(/\]\(([^)]+)\)/g)].map(([, target = ""]) => target);
    if (links.length === 0) assert.match(how, NOTHING_YET, `row ${number} is shown by nothing`);
    for (const target of links) {
      if (!target.startsWith("../tests/")) {
        assert.match(target, /^[a-z]+\.md$/, `row ${number} links to ${target}`);
        continue;
      }
      if (!kinds.has(target)) kinds.set(target, await isTest(join(ROOT, "docs", target)));
      assert.ok(kinds.get(target), `row ${number} links to ${target}, which is no test`);
    }
  }
});

/** A file with tests of its own, or a chapter of the suite that every backend must pass. */
async function isTest(path: string): Promise<boolean> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.includes("Deno.test(") || /: Chapter = \{|conformance\(/.test(text);
}
