import assert from "node:assert/strict";
import fc from "fast-check";
import { framed, FrameReader } from "../../src/runtime/isolation/frames.ts";

const NONCE = "0d6f4c1e-0000-4000-8000-000000000000";

function reading(): { reader: FrameReader; messages: unknown[]; output(): string } {
  const messages: unknown[] = [];
  let output = "";
  const reader = new FrameReader(NONCE, {
    message: (message) => messages.push(message),
    output: (text) => void (output += text),
  });
  return { reader, messages, output: () => output };
}

Deno.test("messages and output that share a pipe are told apart, however the pipe cuts them", () => {
  const items = fc.array(fc.oneof(
    fc.record({ message: fc.jsonValue() }),
    fc.record({
      output: fc.oneof(
        fc.string({ unit: "binary" }),
        fc.constantFrom("\0jobd:", "\n", `\0jobd:${NONCE.slice(0, 9)}`),
      ),
    }),
  ));
  fc.assert(fc.property(items, fc.array(fc.integer({ min: 1, max: 50 })), (given, cuts) => {
    const { reader, messages, output } = reading();
    let stream = given.map((item) => "message" in item ? framed(item.message, NONCE).join("") : item.output)
      .join("");
    for (const cut of cuts) {
      reader.push(stream.slice(0, cut));
      stream = stream.slice(cut);
    }
    reader.push(stream);
    reader.close();
    assert.deepEqual(
      messages,
      given.flatMap((item) => "message" in item ? [JSON.parse(JSON.stringify(item.message))] : []),
    );
    assert.equal(output(), given.map((item) => "output" in item ? item.output : "").join(""));
  }));
});

Deno.test("a long message goes in pieces that a pipe writes as a whole, and output may stand between them", () => {
  const message = { text: "\u{1F600}\n\0".repeat(5_000) };
  const pieces = framed(message, NONCE);
  assert.ok(pieces.length > 5);
  const encoder = new TextEncoder();
  assert.ok(pieces.every((piece) => encoder.encode(piece).length <= 4_096));
  const { reader, messages, output } = reading();
  for (const piece of pieces) {
    reader.push(piece);
    reader.push("noise");
  }
  assert.deepEqual(messages, [message]);
  assert.equal(output(), "noise".repeat(pieces.length));
});

Deno.test("a message without the nonce is output", () => {
  const { reader, messages, output } = reading();
  const forged = framed({ kind: "end" }, "11111111-1111-4111-8111-111111111111").join("");
  reader.push(forged);
  assert.deepEqual(messages, []);
  assert.equal(output(), forged);
});
