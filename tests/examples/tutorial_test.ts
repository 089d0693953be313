import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SHOP = `${ROOT}examples/shop/`;
/** What the page calls them, and what they are here. */
const JOBD = "../jobd";
const DATABASE = "postgres://postgres:secret@localhost:5432/shop";

/** A file to write, or a command to run and what it prints, among other things. */
type Block = { kind: "file"; name: string; text: string } | {
  kind: "command";
  text: string;
  prints: string[];
};

/** What somebody who follows the page does, in order. */
function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  for (const [, info = "", body = ""] of page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)) {
    const [, name, text] = /^\/\/ ([\w.]+)\n(.*)$/s.exec(body) ?? [];
    if (name !== undefined && text !== undefined) blocks.push({ kind: "file", name, text });
    else if (info === "sh") blocks.push({ kind: "command", text: body, prints: [] });
    else if (info === "text") {
      const command = blocks.at(-1);
      assert.ok(command?.kind === "command", `Output without a command:\n${body}`);
      command.prints = body.trimEnd().split("\n");
    } else assert.fail(`A block that nobody checks:\n${body}`);
  }
  return blocks;
}

/** The file of the shop as the page shows it: without words to the linter. */
async function shown(name: string): Promise<string> {
  return (await Deno.readTextFile(SHOP + name)).replace(/^\/\/ deno-lint-ignore-file.*\n/m, "");
}

/** Lines in which `...` stands for anything, found one after the other. */
function assertPrinted(output: string, lines: string[]): void {
  const left = output.split("\n");
  for (const line of lines) {
    const pattern = line.split("...").map((part) => RegExp.escape(part)).join(".*");
    const at = left.findIndex((one) => new RegExp(`^${pattern}$`).test(one.trimEnd()));
    assert.ok(at >= 0, `Not printed: ${line}\n${output}`);
    left.splice(0, at + 1);
  }
}

const page = await Deno.readTextFile(`${ROOT}docs/tutorial.md`);
const blocks = blocksOf(page);

Deno.test("docs/tutorial.md shows the files of examples/shop as they are", async () => {
  const files = new Map(blocks.flatMap((block) => block.kind === "file" ? [[block.name, block.text]] : []));
  for await (const { name } of Deno.readDir(SHOP)) {
    if (!name.endsWith(".ts")) continue;
    const text = files.get(name);
    assert.ok(text !== undefined, `docs/tutorial.md does not show ${name}`);
    // Of the tests it shows the beginning.
    if (name.endsWith("_test.ts")) assert.ok((await shown(name)).startsWith(text), name);
    else assert.equal(text, await shown(name), name);
  }
});

Deno.test("whoever follows docs/tutorial.md word by word gets what it says", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const here = (text: string) =>
    text.replaceAll(JOBD, ROOT.replace(/\/$/, "")).replaceAll(DATABASE, database.url);
  const folder = await Deno.makeTempDir({ prefix: "jobd-tutorial-" });
  try {
    for (const block of blocks) {
      if (block.kind === "file") {
        await Deno.writeTextFile(`${folder}/${block.name}`, here(block.text));
        continue;
      }
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-e", "-c", here(block.text)],
        cwd: folder,
        env: { NO_COLOR: "1", PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}` },
        stdin: "null",
      }).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(code, 0, `${block.text}\n${out}\n${err}`);
      assertPrinted(out ?? "", block.prints);
    }
    const check = new Deno.Command(Deno.execPath(), { args: ["check", "."], cwd: folder, stdin: "null" });
    const { code, stderr } = await check.output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assert.ok(blocks.filter(({ kind }) => kind === "command").length >= 6);
});
