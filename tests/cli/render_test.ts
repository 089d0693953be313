import assert from "node:assert/strict";
import { relative, span } from "../../src/surfaces/cli/format.ts";
import { PipeSink } from "../../src/surfaces/cli/pipe_sink.ts";
import { styled } from "../../src/surfaces/cli/style.ts";
import { displayWidth, renderTable } from "../../src/surfaces/cli/table.ts";

Deno.test("span and relative: the largest units", () => {
  assert.deepEqual([0, 340, 1_200, 59_400, 200_000, 7_500_000, 12 * 86_400_000].map(span), [
    "0ms",
    "340ms",
    "1.2s",
    "59s",
    "3m20s",
    "2h5m",
    "12d",
  ]);
  const now = 1_000_000_000;
  assert.deepEqual(
    [0, -400, -5_000, 90_000, 86_400_000 * 3, -3_600_000].map((ms) => relative(now + ms, now)),
    [
      "now",
      "now",
      "5s ago",
      "in 1m30s",
      "in 3d",
      "1h ago",
    ],
  );
});

Deno.test("renderTable: aligned, also with wide and combining characters", () => {
  const text = renderTable([{ title: "NAME" }, { title: "N", align: "right" }, { title: "X" }], [
    ["a", "1", "end"],
    ["日本", "10", "end"],
    ["e\u0301", "100", styled("red", "end")],
  ], { colour: false });
  assert.equal(text, "NAME    N  X\na       1  end\n日本   10  end\ne\u0301     100  end\n");
  assert.equal(displayWidth("日本"), 4);
  assert.equal(displayWidth("e\u0301"), 1);
});

Deno.test("renderTable: shrinks what may shrink, and nothing without a width", () => {
  const columns = [{ title: "ID" }, { title: "NOTE", shrinks: true }];
  const rows = [["0123456789", "a long note that does not fit into the line"]];
  const narrow = renderTable(columns, rows, { colour: false, width: 30 }).split("\n");
  assert.ok(narrow.every((line) => line.length <= 30));
  assert.equal(narrow[1], "0123456789  a long note that …");
  assert.ok(renderTable(columns, rows, { colour: false }).includes("into the line"));
});

Deno.test("renderTable: colours stand around the text, not around the padding's data", () => {
  const text = renderTable([{ title: "A" }], [[styled("green", "x\u001b[31m")]], { colour: true });
  assert.ok(text.includes("\u001b[32mx\\u001b[31m\u001b[0m"));
});

Deno.test("PipeSink: order is kept, a reader who is gone is noticed, nothing fails", async () => {
  const written: string[] = [];
  const decoder = new TextDecoder();
  let broken = false;
  const sink = new PipeSink({
    isTerminal: () => false,
    write: (bytes) => {
      if (broken) return Promise.reject(new Deno.errors.BrokenPipe("Broken pipe"));
      written.push(decoder.decode(bytes.subarray(0, 3)));
      return Promise.resolve(Math.min(3, bytes.length));
    },
  });
  sink.write("one ");
  sink.write("two");
  await sink.flush();
  assert.equal(written.join(""), "one two");
  assert.equal(sink.pending, 0);
  broken = true;
  sink.write("three");
  await sink.flush();
  assert.equal(sink.closed.aborted, true);
  sink.write("four");
  await sink.flush();
  assert.equal(written.join(""), "one two");
});

Deno.test("PipeSink: who gives up a reader that does not read waits no longer", async () => {
  const sink = new PipeSink({ isTerminal: () => false, write: () => new Promise(() => {}) });
  sink.write("one");
  const flushed = sink.flush();
  sink.abandon();
  await flushed;
  await sink.flush();
  assert.equal(sink.closed.aborted, true);
});
