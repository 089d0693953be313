import assert from "node:assert/strict";
import { FakeWorld } from "./fake_host.ts";

const UNKNOWN_ID = "01900000-0000-7000-8000-00000000dead";

/** Arguments, exit code, a part of the sentence, a part of the hint. */
const WRONG: [args: string[], exitCode: number, message: string, hint?: string][] = [
  [["wrker"], 2, 'Unknown command "wrker"', "Did you mean worker?"],
  [["--database-url", "sqlite:x.db", "enqueu"], 2, 'Unknown command "enqueu"', "Did you mean enqueue?"],
  [["serv"], 2, 'Unknown command "serv"', "Did you mean"],
  [["job", "shwo", "x"], 2, 'Unknown command "job shwo"', "Did you mean show?"],
  [["job"], 2, '"jobd job" needs one of: show, cancel', "jobd job --help"],
  [["job", "show"], 2, 'Missing required argument "id"', "jobd job show --help"],
  [["jobs", "--quue", "x"], 2, 'Unknown option "--quue"', "Did you mean --queue?"],
  [["worker", "--concurency", "5"], 2, 'Unknown option "--concurency"', "Did you mean --concurrency?"],
  [["--concurency=5"], 2, 'Unknown option "--concurency"', "Did you mean --concurrency?"],
  [["--concurrency", "5", "jobs"], 2, 'Unknown option "--concurrency"', "jobd jobs --help"],
  [["--follow", "enqueue", "x"], 2, 'Unknown option "--follow" before', "`jobd enqueue --follow`"],
  [["jobs", "--bad=--help"], 2, 'Unknown option "--bad"', "jobd jobs --help"],
  [["constructor"], 2, 'Unknown command "constructor"', "jobd --help"],
  [["--", "--json"], 2, 'Unknown command "--json"', "jobd --help"],
  [["help", "enqueu"], 2, 'Unknown command "enqueu"', "Did you mean enqueue?"],
  [["jobs", "--queue"], 2, "argument missing", "jobd jobs --help"],
  [["jobs", "-q"], 2, 'Option "-q, --queue <name>" argument missing', "jobd jobs --help"],
  [["jobs", "--json=yes"], 2, 'Option "--json" takes no value', "jobd jobs --help"],
  [["enqueue", "-f=1", "x"], 2, 'Option "-f, --follow" takes no value', "jobd enqueue --help"],
  [["enqueue", "-fz", "x"], 2, 'Unknown option "-z"', "jobd enqueue --help"],
  [["version", "extra"], 2, 'Too many arguments for "version": expected 0 arguments but got 1: extra'],
  [["queue", "show", "a", "b"], 2, 'for "queue show": expected 1 argument', "jobd queue show --help"],
  [["enqueue", "a", "b"], 2, "Too many arguments", "jobd enqueue --help"],
  [["enqueue"], 2, "nothing to enqueue", "--payload"],
  [["enqueue", "--payload", "{bad"], 2, "Invalid --payload", "single quotes"],
  [["enqueue", "--payload", '{"a":1,"a":2}'], 2, 'the key "a" appears twice'],
  [["enqueue", "--payload", '{"a":"\\u0000"}'], 2, "\\u0000"],
  [["enqueue", "--payload", '{"type":"-bad"}'], 2, 'Invalid type: "-bad"'],
  [["enqueue", "--payload", "@missing.json"], 2, 'The payload file "missing.json" cannot be read'],
  [["enqueue", "-bad"], 2, 'Unknown option "-bad"'],
  [["enqueue", "x", "--queue", "bad queue"], 2, '--queue: "bad queue" is not a queue name'],
  [
    ["enqueue", "x", "--priority", "urgent"],
    2,
    '--priority: "urgent" is not an integer from -32767 to 32767 or one of critical',
  ],
  [["enqueue", "x", "--delay", "5 minutes"], 2, '--delay: "5 minutes" is not a duration', '"30s"'],
  [["enqueue", "x", "--delay", "-5m"], 2, '--delay: "-5m" is not a duration'],
  [["enqueue", "x", "--at", "tomorrow"], 2, '--at: "tomorrow" is not a time'],
  [["enqueue", "x", "--delay", "5m", "--at", "2030-01-01"], 2, "both a delay and a start time"],
  [["enqueue", "x", "--max-attempts", "0"], 2, '--max-attempts: "0" is not an integer from 1 to 1000'],
  [["enqueue", "x", "--timeout", "0s"], 2, '--timeout: "0s" is not a duration from 1ms'],
  [["enqueue", "x", "--ttl", "0"], 2, "--ttl"],
  [["enqueue", "x", "--unique-key", ""], 2, '--unique-key: "" is not a text of 1 to 512 characters'],
  [["enqueue", "x", "--tag", "t".repeat(129)], 2, "--tag"],
  [["enqueue", "x", "--bulk", "--wait"], 2, "--bulk cannot be combined with --wait"],
  [["enqueue", "x", "--bulk", "--unique-key", "k"], 2, "--bulk cannot be combined with --unique-key"],
  [["jobs", "--state", "waiting"], 2, '--state: "waiting" is not one of scheduled, blocked'],
  [["jobs", "--limit", "0"], 2, '--limit: "0" is not an integer from 1 to 10000'],
  [["jobs", "--before", "whenever"], 2, '--before: "whenever" is not a time'],
  [["job", "show", UNKNOWN_ID], 3, "There is no job", ""],
  [["job", "show", "dead"], 3, "There is no job"],
  [["job", "show", "xyz"], 2, 'Invalid job id: "xyz"'],
  [["job", "cancel", UNKNOWN_ID], 3, "There is no job"],
  [["job", "logs", UNKNOWN_ID], 3, "There is no job"],
  [["job", "executions", UNKNOWN_ID], 3, "There is no job"],
  [["queue", "show", "nowhere"], 3, 'There is no queue "nowhere"', "jobd queue create"],
  [["queue", "pause", "nowhere"], 3, 'There is no queue "nowhere"'],
  [["queue", "update", "mail"], 2, "not said what to change", "--timeout"],
  [["queue", "update", "mail", "--jitter", "some"], 2, '--jitter: "some" is not one of none, full'],
  [
    ["queue", "create", "mail", "--retention", "done=1d"],
    2,
    '--retention: "done=1d" is not a duration such as 7d',
  ],
  [
    ["queue", "create", "mail", "--backoff-base", "2h", "--backoff-max", "1h"],
    2,
    "base of 2h is longer than the maximum of 1h",
  ],
  [["queue", "create", "mail", "--speed", "5"], 2, 'Unknown option "--speed"'],
  [["dead", "retry"], 2, "not said which dead letters", "--all"],
  [["dead", "retry", "abcd", "--queue", "q"], 2, "Ids and filters cannot be combined"],
  [["dead", "delete"], 2, "not said which dead letters", "jobd dead purge"],
  [["dead", "purge"], 2, "Nobody can be asked here", "--yes"],
  [["dead", "delete", "--queue", "q"], 2, "Nobody can be asked here", "--yes"],
  [["completions", "tcsh"], 2, 'no completions for shell "tcsh"', "bash, zsh, fish"],
  [["completions", "fishh"], 2, 'no completions for shell "fishh"', "Did you mean fish?"],
  [["jobs", "--namespace", "a b"], 2, '--namespace: "a b" is not a namespace name'],
  [["jobs", "--log-level", "loud"], 2, '--log-level: "loud" is not one of debug, info, warn, error'],
  [["jobs", "--config", "none.json"], 2, 'There is no config file "none.json"', "--config"],
  [["worker", "--queues", "a=0"], 2, '--queues: "a=0" is not * for all queues'],
  [["worker", "--concurrency", "ten"], 2, '--concurrency: "ten" is not an integer from 1 to 1000'],
];

for (const [args, exitCode, message, hint] of WRONG) {
  Deno.test(`jobd ${args.map((arg) => arg.length > 40 ? `${arg.slice(0, 9)}...` : arg).join(" ")}: exit ${exitCode}`, async () => {
    const world = new FakeWorld();
    const ran = await world.run(args);
    assert.equal(ran.exitCode, exitCode, ran.stderr);
    const [sentence = "", next = ""] = ran.stderr.split("\n");
    assert.match(sentence, /^jobd: /);
    assert.ok(sentence.includes(message), `${sentence}\ndoes not hold\n${message}`);
    assert.ok(next.includes(hint ?? ""), `${next}\ndoes not hold\n${hint}`);
    assert.equal(ran.stdout, "");
    assert.doesNotMatch(ran.stderr, /^\s+at /m);
  });
}

Deno.test("with --json an error is a document, too", async () => {
  const ran = await new FakeWorld().run(["queue", "show", "nowhere", "--json"]);
  assert.equal(ran.exitCode, 3);
  const { error } = ran.json();
  assert.equal(error.code, "not_found");
  assert.match(error.message, /There is no queue/);
  assert.match(error.hint, /jobd queue create/);
});

Deno.test("store errors have their exit codes", async () => {
  const { JobdError } = await import("../../src/domain/errors.ts");
  for (
    const [code, exitCode] of [["store_unavailable", 5], ["store_unusable", 5], ["schema_missing", 6], [
      "schema_newer",
      6,
    ], ["permission_denied", 6]] as const
  ) {
    const world = new FakeWorld();
    world.driver.ready = () => Promise.reject(new JobdError(code, "No store", { hint: "Do something." }));
    const ran = await world.run(["jobs"]);
    assert.equal(ran.exitCode, exitCode, code);
    assert.equal(ran.stderr, "jobd: No store\nhint: Do something.\n");
  }
});

Deno.test("a fault of jobd itself is one sentence, with the stack only on request", async () => {
  const world = new FakeWorld();
  world.driver.ready = () => Promise.reject(new TypeError("x is undefined"));
  const quiet = await world.run(["jobs"]);
  assert.equal(quiet.exitCode, 1);
  assert.doesNotMatch(quiet.stderr, /\n\s+at /);
  const loud = await world.run(["jobs"], { env: { LOG_LEVEL: "debug" } });
  assert.match(loud.stderr, /\n\s+at /);
});
