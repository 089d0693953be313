import assert from "node:assert/strict";
import type { Command } from "../../src/surfaces/cli/command.ts";
import { COMMANDS, FALLBACK, GROUPS } from "../../src/surfaces/cli/commands.ts";
import { parseCommandLine } from "../../src/surfaces/cli/parse.ts";

/** What a command line means: the command, its arguments and what was said besides. */
interface Meaning {
  command: string;
  args?: string[];
  /** Values of options that are not what they are without being given. */
  options?: Record<string, unknown>;
  flags?: Record<string, string>;
  configPath?: string;
}

/** Reads a command line; what is printed instead of being run comes as text. */
function parse(args: string[], columns?: number): Meaning | string {
  let text = "";
  const stdout = {
    isTerminal: columns !== undefined,
    closed: new AbortController().signal,
    pending: 0,
    columns: () => columns ?? 0,
    write: (more: string) => void (text += more),
    flush: () => Promise.resolve(),
    abandon() {},
  };
  const parsed = parseCommandLine(args, {
    commands: COMMANDS,
    groups: GROUPS,
    fallback: FALLBACK,
    stdout,
  });
  if (parsed.kind === "printed") return text;
  const { command, input, flags, configPath } = parsed;
  const presets = defaultsOf(command);
  const options = Object.entries(input.options).filter(([name, value]) =>
    JSON.stringify(value) !== JSON.stringify(presets[name])
  );
  return {
    command: command.path,
    ...(input.args.length === 0 ? {} : { args: [...input.args] }),
    ...(options.length === 0 ? {} : { options: Object.fromEntries(options) }),
    ...(Object.keys(flags).length === 0 ? {} : { flags }),
    ...(configPath === undefined ? {} : { configPath }),
  };
}

function defaultsOf({ options }: Command): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([name, spec]) => [name, spec.read([], name)]));
}

const LINES: [args: string[], meaning: Meaning][] = [
  [[], { command: "start" }],
  [["--"], { command: "start" }],
  [["--hello"], { command: "start", options: { hello: true } }],
  [["--concurrency=4", "--json"], { command: "start", flags: { workerConcurrency: "4" } }],
  [["--concurrency", "4", "worker"], { command: "worker", flags: { workerConcurrency: "4" } }],
  [["worker", "--concurrency", "4"], { command: "worker", flags: { workerConcurrency: "4" } }],
  [["--namespace", "a", "jobs"], { command: "jobs", flags: { namespace: "a" } }],
  [["jobs", "--namespace", "a", "--namespace=b"], { command: "jobs", flags: { namespace: "b" } }],
  [["--namespace", "job", "jobs"], { command: "jobs", flags: { namespace: "job" } }],
  [["--config", "a.json", "jobs", "--no-color"], { command: "jobs", configPath: "a.json" }],
  [["job", "--json", "show", "abcd"], { command: "job show", args: ["abcd"] }],
  [["job", "show", "abcd", "--lines", "3", "dcba"], {
    command: "job show",
    args: ["abcd", "dcba"],
    options: { lines: 3 },
  }],
  [["jobs", "-q", "a", "-qb", "--queue", "c,d", "--queue=e"], {
    command: "jobs",
    options: { queue: ["a", "b", "c", "d", "e"] },
  }],
  [["enqueue", "-wf", "x"], { command: "enqueue", args: ["x"], options: { wait: true, follow: true } }],
  [["enqueue", "-wp1"], { command: "enqueue", options: { wait: true, payload: "1" } }],
  [["enqueue", "-fp", "{}", "x"], {
    command: "enqueue",
    args: ["x"],
    options: { follow: true, payload: "{}" },
  }],
  [["enqueue", "--payload", "--wait"], { command: "enqueue", options: { payload: "--wait" } }],
  [["enqueue", "--payload", "--help"], { command: "enqueue", options: { payload: "--help" } }],
  [["enqueue", "-p", "--", "x"], { command: "enqueue", args: ["x"], options: { payload: "--" } }],
  [["enqueue", "-p", "-"], { command: "enqueue", options: { payload: "-" } }],
  [["enqueue", "--unique-key=a=b"], { command: "enqueue", options: { uniqueKey: "a=b" } }],
  [["enqueue", "--priority", "-5"], { command: "enqueue", options: { priority: -5 } }],
  [["enqueue", "-5"], { command: "enqueue", args: ["-5"] }],
  [["enqueue", "--", "--help"], { command: "enqueue", args: ["--help"] }],
  [["job", "show", "--", "-x", "--json"], { command: "job show", args: ["-x", "--json"] }],
  [["--", "jobs"], { command: "jobs" }],
];

for (const [args, meaning] of LINES) {
  Deno.test(`jobd ${args.join(" ")} means ${JSON.stringify(meaning)}`, () => {
    assert.deepEqual(parse(args), meaning);
  });
}

const HELPS: [args: string[], usage: string][] = [
  [["-h"], "jobd [options] [command]"],
  [["help"], "jobd [options] [command]"],
  [["--json", "help"], "jobd [options] [command]"],
  [["bad", "--help"], "jobd [options] [command]"],
  [["help", "job"], "jobd job [options] [command]"],
  [["job", "bad", "-h"], "jobd job [options] [command]"],
  [["help", "job", "show"], "jobd job show [options] <id...>"],
  [["job", "-h", "show"], "jobd job show [options] <id...>"],
  [["--help", "enqueue"], "jobd enqueue [options] [type]"],
  [["enqueue", "-wh"], "jobd enqueue [options] [type]"],
  [["enqueue", "a", "b", "--bad", "--limit", "0", "--help"], "jobd enqueue [options] [type]"],
];

for (const [args, usage] of HELPS) {
  Deno.test(`jobd ${args.join(" ")} prints the help of ${usage}`, () => {
    const text = parse(args);
    assert.ok(typeof text === "string" && text.startsWith(`Usage: ${usage}\n`), String(text));
  });
}

Deno.test("jobd --version: also with a command, and the first of version and help wins", () => {
  for (const args of [["-V"], ["jobs", "--version"], ["-Vh"], ["--version", "--help"]]) {
    assert.match(String(parse(args)), /^\d+\.\d+\.\d+\n$/);
  }
  assert.match(String(parse(["--help", "-V"])), /^Usage: jobd /);
});

Deno.test("help has its descriptions in one column and keeps to the width of the terminal", () => {
  for (const columns of [60, 80, 200]) {
    for (const args of [["-h"], ["job", "-h"], ["queue", "update", "-h"], ["dead", "retry", "-h"]]) {
      const text = String(parse(args, columns));
      const lists = text.split("\n\n").filter((part) => /^(?:Arguments|Options.*|Commands):\n/.test(part));
      const rows = lists.flatMap((part) => part.trimEnd().split("\n").slice(1));
      const starts = new Set(rows.map((row) => row.search(/(?<=^ {2}\S.*? {2,}|^ {3,})\S/)));
      assert.ok(starts.size === 1 && !starts.has(-1), text);
      const widest = Math.max(...rows.map((row) => row.length));
      const longestWord = Math.max(
        ...rows.flatMap((row) => row.trim().split(" ").map((word) => word.length)),
      );
      assert.ok(widest <= Math.max(Math.min(columns, 110), [...starts][0]! + longestWord), text);
    }
  }
});
