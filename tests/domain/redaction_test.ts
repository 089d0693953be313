import assert from "node:assert/strict";
import fc from "fast-check";
import { JobdError } from "../../src/domain/errors.ts";
import type { Job } from "../../src/domain/job.ts";
import type { Json } from "../../src/domain/json.ts";
import { RedactedKeys, SECRET_KEYS } from "../../src/domain/redacted_keys.ts";
import {
  joinedPaths,
  parseRedact,
  Redaction,
  redactionOf,
  refuseRedacted,
  withoutPaths,
} from "../../src/domain/redaction.ts";
import { newJob } from "../../src/domain/request.ts";
import { REDACTED, SecretStream, SecretText } from "../../src/domain/secret_text.ts";
import { shownJob } from "../../src/domain/shown_job.ts";
import { exampleJob } from "../support/example_job.ts";

const refused = (message: RegExp) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === "invalid_request" && message.test(error.message);

Deno.test("parseRedact() takes paths, each once and in one order, and refuses everything else", () => {
  assert.deepEqual(parseRedact(["b.c", "a", "items.*.secret", "a"]), ["a", "b.c", "items.*.secret"]);
  assert.deepEqual(parseRedact([]), []);
  assert.equal(parseRedact(Array.from({ length: 64 }, (_, n) => `p${n}`)).length, 64);
  const bad = ["a", {}, [""], ["a..b"], [".a"], ["a."], [1], ["\u0000"], ["\ud800"], ["x".repeat(257)]];
  for (const paths of [...bad, Array.from({ length: 65 }, (_, n) => `p${n}`)]) {
    assert.throws(() => parseRedact(paths), refused(/^Invalid redact: .* is not a list of up to 64 paths/));
  }
  assert.equal(joinedPaths(undefined, []), undefined);
  assert.deepEqual(joinedPaths(["b"], undefined, ["a", "b"]), ["a", "b"]);
});

Deno.test("withoutPaths() hides what is at a path, whatever it is, and nothing else", () => {
  const table: [Json, string[], Json][] = [
    [{ card: { number: "4111", kind: "x" } }, ["card.number"], { card: { number: REDACTED, kind: "x" } }],
    [{ a: { b: 1 } }, ["a"], { a: REDACTED }],
    [{ a: null }, ["a"], { a: REDACTED }],
    [{ a: 1 }, ["b", "a.b", "a.*.c"], { a: 1 }],
    [{ items: [{ s: 1, t: 2 }, "x", { t: 3 }] }, ["items.*.s"], {
      items: [{ s: REDACTED, t: 2 }, "x", { t: 3 }],
    }],
    [{ items: ["a", "b"] }, ["items.1"], { items: ["a", REDACTED] }],
    [{ items: ["a", "b"] }, ["items.length", "items.7"], { items: ["a", "b"] }],
    [{ by: { a: 1, b: { c: 2 } } }, ["by.*"], { by: { a: REDACTED, b: REDACTED } }],
    [{ a: 1, b: [2] }, ["*"], { a: REDACTED, b: REDACTED }],
    [["a", "b"], ["*"], [REDACTED, REDACTED]],
    ["a text", ["*"], REDACTED],
    [7, ["*"], REDACTED],
    ["a text", ["a"], "a text"],
    [{ constructor: 1 }, ["toString", "constructor"], { constructor: REDACTED }],
  ];
  for (const [value, paths, expected] of table) {
    const before = structuredClone(value);
    assert.deepEqual(withoutPaths(value, paths), expected);
    assert.deepEqual(value, before);
  }
});

Deno.test("values are taken out of texts as they are, inside JSON, inside URLs and line by line", () => {
  const secret = 'a "quoted" key\nof two lines/and more';
  const redaction = new Redaction([secret, { deep: [{ pin: 123456, short: "abc", yes: true, no: null }] }]);
  const table: [string, string][] = [
    [`<${secret}>`, `<${REDACTED}>`],
    [JSON.stringify({ secret }), `{"secret":"${REDACTED}"}`],
    [`?k=${encodeURIComponent(secret)}&b`, `?k=${REDACTED}&b`],
    ["of two lines/and more", REDACTED],
    ["pin 123456.", `pin ${REDACTED}.`],
    ["abc true null 12345", "abc true null 12345"],
  ];
  for (const [text, expected] of table) assert.equal(redaction.text(text), expected);
  const document = { [`x ${secret}`]: [123456, 12345, "pin=123456", 91234567, { a: secret }] };
  assert.deepEqual(redaction.json(document), {
    [`x ${REDACTED}`]: [REDACTED, 12345, `pin=${REDACTED}`, REDACTED, { a: REDACTED }],
  });
  assert.deepEqual(
    redaction.failure({
      code: "e_123456",
      message: "123456",
      stack: "at 123456",
      causes: ["x", "123456"],
      data: { a: 123456 },
      deaths: 2,
    }),
    {
      code: `e_${REDACTED}`,
      message: REDACTED,
      stack: `at ${REDACTED}`,
      causes: ["x", REDACTED],
      data: { a: REDACTED },
      deaths: 2,
    },
  );
});

Deno.test("spaces around a value do not hide it from being found", () => {
  assert.equal(new Redaction(["  s3cret-value\n"]).text("is s3cret-value."), `is ${REDACTED}.`);
  assert.equal(new Redaction(["       "]).text("a       b"), `a${REDACTED}b`);
});

/** Few letters, so that secrets repeat, overlap and contain each other. */
const letters = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom("a", "b"), minLength, maxLength });
const secretLists = fc.array(letters(1, 9), { maxLength: 5 });

Deno.test("no secret is left in any text, and what is no part of one stays", () => {
  fc.assert(
    fc.property(
      secretLists,
      fc.array(fc.oneof(letters(0, 12), fc.constantFrom("-", "c")), { maxLength: 12 }),
      (
        secrets,
        parts,
      ) => {
        const text = parts.join("");
        const long = secrets.filter((secret) => secret.length >= 4);
        const clean = new SecretText(secrets).clean(text);
        for (const secret of long) assert.ok(!clean.includes(secret), `${secret} in ${clean}`);
        // Every place that a secret covers is gone, every other one is there.
        let expected = "";
        for (let at = 0; at < text.length; at++) {
          const covered = long.some((secret) =>
            text.slice(Math.max(0, at - secret.length + 1), at + secret.length).includes(secret)
          );
          if (!covered) expected += text[at];
        }
        assert.equal(clean.replaceAll(REDACTED, ""), expected);
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("a text in pieces is cleaned as it is in one piece, wherever it is cut", () => {
  fc.assert(
    fc.property(
      secretLists,
      fc.array(fc.oneof(letters(0, 7), fc.constantFrom("c", ""))),
      (secrets, pieces) => {
        const known = new SecretText(secrets);
        const stream = new SecretStream(known);
        const shown = pieces.map((piece) => stream.next(piece)).join("") + stream.end();
        assert.equal(shown, known.clean(pieces.join("")));
      },
    ),
    { numRuns: 5_000 },
  );
});

Deno.test("a long secret is found in any pieces, and no part of it that says something is left", () => {
  const secret = Array.from({ length: 500 }, (_, n) => `${n}-`).join("");
  const redaction = new Redaction([secret]);
  assert.equal(redaction.text(`a ${secret} b`), `a ${REDACTED} b`);
  assert.equal(
    redaction.cutText(`${secret.slice(100)} b ${secret.slice(0, 333)}`),
    `${REDACTED} b ${REDACTED}`,
  );
  for (const size of [1, 7, 64, 1_000]) {
    const stream = redaction.stream();
    const text = `a ${secret}${secret}b`;
    let shown = "";
    for (let at = 0; at < text.length; at += size) shown += stream.next(text.slice(at, at + size));
    assert.equal(shown + stream.end(), `a ${REDACTED}b`);
  }
});

Deno.test("of a stream only what may be the beginning of a secret is held back", () => {
  const stream = new SecretStream(new SecretText(["password-1"]));
  assert.equal(stream.next("the pass"), "the ");
  assert.equal(stream.next("age\n"), "passage\n");
  assert.equal(stream.next("p"), "");
  assert.equal(stream.next("assword-1!"), `${REDACTED}!`);
  assert.equal(stream.next("password-"), "");
  assert.equal(stream.end(), "password-");
  assert.equal(stream.end(), "");
});

const SECRET = "tok_0123456789";

function job(over: Partial<Job> = {}): Job {
  return exampleJob({
    payload: { token: SECRET, url: `https://x/?t=${SECRET}`, to: "ada" },
    options: { redact: ["token"] },
    ...over,
  });
}

Deno.test("shownJob() shows no redacted value in any field, by place and by value", () => {
  const shown = shownJob(job({
    result: { token: "minted-by-the-run", echo: `${SECRET} minted-by-the-run` },
    progress: { at: SECRET },
    error: { code: "e", message: `refused ${SECRET}`, causes: [SECRET], data: { SECRET } },
    options: {
      redact: ["token"],
      uniqueKey: SECRET,
      limitKey: `c-${SECRET}`,
      origin: SECRET,
      tags: ["a", SECRET],
      meta: { note: SECRET },
      headers: { a: SECRET },
      unique: { key: SECRET, fields: ["token"], hash: "0123" },
      timeoutMs: 1_000,
    },
  }));
  assert.ok(!JSON.stringify(shown).includes(SECRET) && !JSON.stringify(shown).includes("minted"));
  assert.deepEqual(shown.payload, { token: REDACTED, url: `https://x/?t=${REDACTED}`, to: "ada" });
  assert.deepEqual(shown.result, { token: REDACTED, echo: `${REDACTED} ${REDACTED}` });
  assert.deepEqual(shown.options, {
    redact: ["token"],
    uniqueKey: REDACTED,
    limitKey: `c-${REDACTED}`,
    origin: REDACTED,
    tags: ["a", REDACTED],
    meta: { note: REDACTED },
    headers: { a: REDACTED },
    unique: { key: REDACTED, fields: ["token"], hash: REDACTED },
    timeoutMs: 1_000,
  });
});

Deno.test("shownJob() shows nothing of a result of which only the beginning of its text was kept", () => {
  const cut = { $omitted: "too large", preview: '{"token":"minted' };
  assert.deepEqual(shownJob(job({ result: cut })).result, { $omitted: "too large", preview: REDACTED });
  const open = exampleJob({ result: cut });
  assert.equal(shownJob(open), open);
});

Deno.test("a job that redacts nothing is itself, and costs nothing", () => {
  const plain = exampleJob({ payload: { password: "not asked for" } });
  assert.equal(shownJob(plain), plain);
  assert.equal(redactionOf(plain), undefined);
});

Deno.test("keys that nobody may see are found at any depth, however they are written", () => {
  const keys = RedactedKeys.of(["api_key", ...SECRET_KEYS]);
  const plain = exampleJob({
    payload: {
      apiKey: "x",
      list: [{ API_KEY: 1, "Api-Key": null, keys: "stays" }],
      Authorization: { any: "thing" },
      token: "stays",
    },
    result: { client_secret: "x" },
    options: { headers: { "set-cookie": "x", trace: "stays" }, meta: { password: "x" } },
  });
  const shown = shownJob(plain, keys);
  assert.deepEqual(shown.payload, {
    apiKey: REDACTED,
    list: [{ API_KEY: REDACTED, "Api-Key": REDACTED, keys: "stays" }],
    Authorization: REDACTED,
    token: "stays",
  });
  assert.deepEqual(shown.result, { client_secret: REDACTED });
  assert.deepEqual(shown.options, {
    headers: { "set-cookie": REDACTED, trace: "stays" },
    meta: { password: REDACTED },
  });
  assert.equal(RedactedKeys.of([]), undefined);
  for (const names of ["password", [""], ["--"], [1]]) {
    assert.throws(() => RedactedKeys.of(names as string[]), refused(/^Invalid redactKeys: /));
  }
});

Deno.test("a request keeps its list, and refuses a payload that was read as it is shown", () => {
  const context = { now: 0, id: "01900000-0000-7000-8000-000000000000", maxAttempts: 1 };
  const payload = { token: SECRET, list: [{ t: "a" }] };
  assert.deepEqual(newJob({ payload, redact: ["token", "b", "token"] }, context).options.redact, [
    "b",
    "token",
  ]);
  assert.ok(!("redact" in newJob({ payload, redact: [] }, context).options));
  assert.throws(() => newJob({ payload, redact: ["a..b"] }, context), refused(/^Invalid redact/));
  const shown = { ...payload, list: [{ t: REDACTED }] };
  assert.throws(
    () => newJob({ payload: shown, redact: ["list.*.t"] }, context),
    refused(/^Invalid payload: it holds "\[redacted\]" in the place of a redacted value/),
  );
  assert.deepEqual(newJob({ payload: shown, redact: ["token"] }, context).payload, shown);
  refuseRedacted(shown, undefined);
});

Deno.test("where a text was cut, the parts of a secret that are left go too", () => {
  const redaction = new Redaction(["0123456789abcdef"]);
  const table: [string, string][] = [
    ["last words: 0123456789", `last words: ${REDACTED}`],
    ["89abcdef and more", `${REDACTED} and more`],
    ["23456789abcde", "23456789abcde"],
    ["012345", REDACTED],
    ["ends with 01234", "ends with 01234"],
    ["bcdef begins", "bcdef begins"],
    ["0123456789abcdef0123456789", REDACTED],
    [
      "x 0123456\n[... 9 characters left out ...]\nabcdef y",
      `x ${REDACTED}\n[... 9 characters left out ...]\n${REDACTED} y`,
    ],
  ];
  for (const [text, expected] of table) assert.equal(redaction.cutText(text), expected);
  assert.deepEqual(redaction.cutJson({ tail: ["6789abcdef"] }), { tail: [REDACTED] });
  const { message, causes } = redaction.failure({ code: "e", message: "at 01234567", causes: ["abcdef"] });
  assert.deepEqual([message, causes], [`at ${REDACTED}`, [REDACTED]]);
  const shown = shownJob(
    job({ payload: { token: "0123456789abcdef" }, result: { stdoutTail: "89abcdef ok" } }),
  );
  assert.deepEqual(shown.result, { stdoutTail: `${REDACTED} ok` });
});

Deno.test("of overlapping secrets in a text that was cut nothing is left either", () => {
  fc.assert(
    fc.property(secretLists, letters(0, 30), fc.nat(30), fc.nat(30), (secrets, text, from, to) => {
      const known = new SecretText(secrets);
      const cut = text.slice(from, Math.max(from, to));
      const clean = known.cleanCut(cut);
      for (const secret of secrets.filter((one) => one.length >= 4)) assert.ok(!clean.includes(secret));
      // It takes away no less than where nothing is known to be cut.
      assert.ok(clean.replaceAll(REDACTED, "").length <= known.clean(cut).replaceAll(REDACTED, "").length);
    }),
    { numRuns: 2_000 },
  );
});
