import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import { checkHeaders, HEADERS_MAX, HEADERS_MAX_BYTES, withHeaders } from "../../src/domain/headers.ts";

const refused = (message: RegExp) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === "invalid_request" && message.test(error.message);

const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`h${n}`, ""]));

Deno.test("headers are texts by name, names in lower case", () => {
  assert.deepEqual(checkHeaders({}), {});
  assert.deepEqual(checkHeaders({ "X-Request-ID": "ä 😀", "a.b_c-1": "" }), {
    "x-request-id": "ä 😀",
    "a.b_c-1": "",
  });
  // Names that mean something to JavaScript are names like others.
  assert.deepEqual(Object.keys(checkHeaders({ constructor: "x", tostring: "y" })), [
    "constructor",
    "tostring",
  ]);
});

Deno.test("each limit holds exactly", () => {
  assert.equal(Object.keys(checkHeaders(many(HEADERS_MAX))).length, HEADERS_MAX);
  assert.throws(() => checkHeaders(many(HEADERS_MAX + 1)), refused(/101 are more than 100/));
  checkHeaders({ a: "x".repeat(HEADERS_MAX_BYTES - 1) });
  assert.throws(() => checkHeaders({ a: "x".repeat(HEADERS_MAX_BYTES) }), refused(/16385 bytes are more/));
  assert.throws(
    () => checkHeaders({ a: "ä".repeat(HEADERS_MAX_BYTES / 2) }),
    refused(/16385 bytes are more/),
  );
  checkHeaders({ ["n".repeat(128)]: "" });
  assert.throws(() => checkHeaders({ ["n".repeat(129)]: "" }), refused(/Invalid header name/));
});

Deno.test("what could become something else is refused, with its name", () => {
  const cases: [unknown, RegExp][] = [
    [null, /Invalid headers: null/],
    [["a"], /Invalid headers/],
    ["a=b", /Invalid headers: "a=b"/],
    [{ a: 1 }, /Invalid header "a": 1 is not a text/],
    [{ a: null }, /Invalid header "a": null/],
    [{ a: "x\r\ny: z" }, /Invalid header "a"/],
    [{ a: "\u0000" }, /Invalid header "a"/],
    [{ a: "\ud800" }, /Invalid header "a"/],
    [{ "": "x" }, /Invalid header name: ""/],
    [{ "a b": "x" }, /Invalid header name: "a b"/],
    [{ "a:b": "x" }, /Invalid header name/],
    // The sign for kelvin, whose lower case is the letter k.
    [{ "\u212a": "x" }, /Invalid header name/],
    [JSON.parse('{"__proto__":"x"}'), /Invalid header name: "__proto__"/],
    [{ A: "1", a: "2" }, /Two headers have the same name/],
  ];
  for (const [headers, message] of cases) assert.throws(() => checkHeaders(headers), refused(message));
});

Deno.test("withHeaders() puts those of one job above the usual ones, whatever the case of the names", () => {
  assert.deepEqual(withHeaders({ A: "1", b: "2" }, { "a": "3" }), { a: "3", b: "2" });
  assert.deepEqual(withHeaders(undefined, undefined), {});
});
