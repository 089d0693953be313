/** Requests that the library and the SQL functions are compared by. */
import type { JobRequest } from "../../src/mod.ts";
import type { Pair } from "./sql_producer.ts";

/** Requests, each with a unique key of its own where it has one. */
export const PAIRS: Pair[] = [
  [{}, ""],
  [{ type: "mail" }, "'mail'"],
  [
    { type: "mail", payload: { to: "ä", n: [1, 2.5, null, true] } },
    `'mail', '{"to": "ä", "n": [1, 2.5, null, true]}'`,
  ],
  [{ payload: { type: "email", to: "a" } }, `payload => '{"type":"email", "to":"a"}'`],
  [{ payload: { type: 5 } }, `payload => '{"type":5}'`],
  [{ type: "mail", payload: "text" }, `'mail', '"text"'`],
  [{ type: "mail", payload: null }, "'mail', 'null'"],
  [{ type: "mail", payload: [] }, "'mail', ' [ ] '"],
  [
    { type: "mail", payload: { a: 'quote " and \\ ', b: "{[, :" } },
    `'mail', '{"a": "quote \\" and \\\\ ", "b": "{[, :"}'`,
  ],
  [{ type: "mail", payload: { id: 1 } }, "'mail', jsonb_build_object('id', 1)"],
  [{ type: "mail", payload: { b: 1, a: 2 } }, "'mail', json_build_object('b', 1, 'a', 2)"],
  [{ queue: "high" }, "queue => 'high'"],
  [{ namespace: "tenant", queue: "high" }, "namespace => 'tenant', queue => 'high'"],
  [{ priority: 7 }, "priority => 7"],
  [{ priority: "critical" }, "priority => 'critical'"],
  [{ priority: "-12" }, "priority => '-12'"],
  [{ priority: -32_767 }, "priority => -32767::smallint"],
  [{ priority: "medium" }, "priority => null"],
  [{ delay: "1h30m" }, "delay => '1 hour 30 minutes'"],
  [{ delay: 0 }, "delay => '0'"],
  [{ delay: 1.6 }, "delay => '1.6 milliseconds'"],
  [{ maxAttempts: 1000 }, "max_attempts => 1000"],
  [{ timeout: "1m" }, "timeout => '1 minute'"],
  [{ ttl: "250ms" }, "ttl => '250 milliseconds'"],
  [{ retention: 0 }, "retention => '0'"],
  [{ retention: "100d" }, "retention => '100 days'"],
  [{ backoff: {} }, "backoff => '{}'"],
  [{ backoff: { base: "2h", jitter: "none" } }, `backoff => '{"base":"2h", "jitter":"none"}'`],
  [{ backoff: { max: 5 } }, "backoff => jsonb_build_object('max', 5)"],
  [{ uniqueKey: 'k "1"' }, `unique_key => 'k "1"'`],
  [{ unique: { key: "1", onConflict: "keep" } }, "unique_key => '1', on_conflict => 'keep'"],
  [{ unique: { key: "k\n2", onConflict: "fail" } }, "unique_key => E'k\\n2', on_conflict => 'fail'"],
  [
    { type: "a.b/c", queue: "_q", unique: { key: '"[', scope: "queue" } },
    `'a.b/c', queue => '_q', unique_key => '"[', unique_scope => 'queue'`,
  ],
  [
    { namespace: "n:m", unique: { key: "3", scope: "namespace", onConflict: "fail" } },
    "namespace => 'n:m', unique_key => '3', unique_scope => 'namespace', on_conflict => 'fail'",
  ],
  [{ unique: { key: "4", scope: "type" } }, "unique_key => '4', unique_scope => 'type'"],
  [{ limitKey: 'customer "1"' }, `limit_key => 'customer "1"'`],
  [{ limitWeight: 1_000_000 }, "limit_weight => 1000000"],
  [{ limitKey: "c", limitWeight: 1 }, "limit_key => 'c', limit_weight => 1"],
  [{ tags: ["a", "b", "a"] }, "tags => array['a', 'b', 'a']"],
  [{ tags: [] }, "tags => '{}'"],
  [{ origin: "psql\tand\u007f" }, "origin => E'psql\\tand\\x7f'"],
  [{ meta: { team: "post", none: null } }, `meta => '{"team": "post", "none": null}'`],
  [
    {
      type: "all",
      payload: 1,
      queue: "q",
      priority: "low",
      delay: 5,
      maxAttempts: 2,
      timeout: 3,
      ttl: 4,
      backoff: { base: 1, max: 2, jitter: "full" },
      retention: 6,
      unique: { key: "all", scope: "namespace", onConflict: "fail" },
      limitKey: "l",
      limitWeight: 2,
      tags: ["t"],
      origin: "o",
      meta: {},
      namespace: "n",
    },
    "'all', '1', 'q', 'low', '5 ms', null, 2, '3 ms', '4 ms', '{\"base\":1,\"max\":2,\"jitter\":\"full\"}', '6 ms', 'all', 'namespace', 'fail', 'l', 2, '{t}', 'o', '{}', 'n', null, false",
  ],
];

/** What only JSON can say, and what is just within the limits. */
export const REQUESTS: JobRequest[] = [
  { type: "x".repeat(127), queue: "_a:b/c.d-e", namespace: "0" },
  { delay: "1.5s" },
  { delay: "0" },
  { ttl: "36500d" },
  { runAt: 0 },
  { uniqueKey: "x".repeat(512) },
  { uniqueKey: "\u{1F600}".repeat(256) },
  { limitKey: "\u{1F600}".repeat(127) },
  { limitWeight: 1 },
  { origin: "\n" },
  { tags: Array.from({ length: 32 }, (_, n) => String(n).repeat(4)) },
  { payload: JSON.parse("[".repeat(64) + "]".repeat(64)) },
  { payload: Array.from({ length: 10_000 }, () => "a, b: [") },
  { payload: { a: Array.from({ length: 9_998 }, (_, n) => n % 2 ? {} : []), b: 1 } },
  { payload: "x".repeat(256 * 1024 - 2) },
  {
    payload: [
      Number.MAX_SAFE_INTEGER,
      -Number.MAX_SAFE_INTEGER,
      1e21,
      -1e300,
      1e-300,
      12345678901234.5,
      5e-324,
    ],
  },
  {
    payload: {
      "a\\": "\\",
      '"': '\\"',
      "": " \t\n\r ",
      "__proto_": "__proto__",
      "é\u2028": "\u{1F600}\u007f",
    },
  },
  { meta: { text: "x".repeat(16 * 1024 - 11) } },
];

/** Times to start at. */
export const RUN_AT = [
  "2099-02-28",
  "2099-02-28T10:00",
  "2099-02-28 10:00:30",
  "2099-02-28T10:00:30.125Z",
  "2099-02-28T10:00:30+01:30",
  "2099-02-28T10:00:30-0730",
  "2001-01-01",
  4_000_000_000_000,
];

const nested = (depth: number): unknown => depth === 0 ? 1 : [nested(depth - 1)];

/** Requests that the library refuses. */
export const WRONG: unknown[] = [
  5,
  null,
  [],
  { typ: "a" },
  ...["", "a b", "é", "-a", "a\n", "x".repeat(128), 5].flatMap((name) => [
    { type: name },
    { queue: name },
    { namespace: name },
  ]),
  ...["urgent", "", "1.0", "99999", 32_768, -32_768, 1.5, true, [1], "+1", " 1"].map((priority) => ({
    priority,
  })),
  ...[-1, "-1s", "", "soon", "5", "1h 5m", "36501d", 3_153_600_000_001, true, {}].flatMap((time) => [
    { delay: time },
    { timeout: time },
    { ttl: time },
    { retention: time },
  ]),
  { timeout: 0 },
  { ttl: "0.4ms" },
  { delay: 1, runAt: 1 },
  ...[
    "",
    "tomorrow",
    "2026-02-30",
    "2026-13-01",
    "2026-01-01T25:00",
    "2026-01-01T10:60",
    "3000-01-01",
    "1969-12-31T23:59Z",
    -1,
    true,
  ]
    .map((runAt) => ({ runAt })),
  ...[0, 1001, 1.5, "5", true].map((maxAttempts) => ({ maxAttempts })),
  ...["", "x".repeat(513), "\u{1F600}".repeat(257), 5, ["a"]].map((uniqueKey) => ({ uniqueKey })),
  ...["", "x".repeat(256), "\u{1F600}".repeat(128), 5].map((limitKey) => ({ limitKey })),
  ...[0, 1_000_001, -1, 1.5, "5", true].map((limitWeight) => ({ limitWeight })),
  { uniqueKey: "k", unique: { key: "k" } },
  ...[5, "k", [], ["k"], { kee: "k" }, { key: "" }, { key: 5 }, { key: "x".repeat(513) }].map((unique) => ({
    unique,
  })),
  ...["", "global", 5].map((scope) => ({ unique: { key: "k", scope } })),
  ...["", "drop", 5].map((onConflict) => ({ unique: { key: "k", onConflict } })),
  ...["", "x".repeat(257), "\u{1F600}".repeat(129), {}].map((origin) => ({ origin })),
  ...["a", [""], [1], [null], ["x".repeat(129)], Array.from({ length: 33 }, () => "a")].map((tags) => ({
    tags,
  })),
  ...[5, "a", [], { a: "x".repeat(16 * 1024) }, { a: nested(16) }, {
    a: Array.from({ length: 1001 }, () => 1),
  }]
    .map((meta) => ({ meta })),
  ...[5, [], { bas: 1 }, { base: -1 }, { base: "2h", max: "1h" }, { jitter: "some" }, { jitter: 5 }].map((
    backoff,
  ) => ({ backoff })),
  ...["", "x", "0189ABCD-0000-7000-8000-000000000001", "{01890000-0000-7000-8000-000000000001}", 5].map((
    id,
  ) => ({ id })),
  { payload: nested(65) },
  { payload: [nested(10), nested(64)] },
  { payload: Array.from({ length: 10_001 }, () => 1) },
  { payload: { a: Array.from({ length: 5_000 }, () => [1]) } },
  { payload: "x".repeat(256 * 1024 - 1) },
  { payload: "é".repeat(128 * 1024) },
  { payload: [2 ** 53] },
  { payload: { a: { b: -1e20 } } },
  { payload: "a\u0000b" },
  { payload: { "\u0000": 1 } },
  { payload: "\ud800" },
  { payload: JSON.parse('{"a":{"__proto__":1}}') },
  { meta: JSON.parse('{"__proto__":1}') },
];
