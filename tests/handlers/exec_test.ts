import assert from "node:assert/strict";
import fc from "fast-check";
import { fillSlots } from "../../src/runtime/handlers/exec_arguments.ts";
import type { ExecCommand, ExecConfig } from "../../src/runtime/handlers/exec_config.ts";
import { execHandler } from "../../src/runtime/handlers/exec.ts";
import type { Handler } from "../../src/runtime/handler.ts";
import { Processes } from "../../src/runtime/process/processes.ts";
import { attempt, failureOf, resultOf } from "../support/handler_bench.ts";

const processes = new Processes();

/** A handler that knows one command, `it`. */
function exec(command: ExecCommand): Handler {
  return execHandler({ commands: { it: command } }, { processes });
}

/** A handler whose command is a shell script of the test. */
function script(text: string, rest: Partial<ExecCommand> = {}): Handler {
  return exec({ command: "/bin/sh", args: ["-c", text], ...rest });
}

/** Prints its arguments, each followed by a NUL. */
const probe: ExecCommand = {
  command: "/usr/bin/printf",
  args: ["%s\\0", "--file={file}", "{name}", "--", "{rest}", "$HOME", "*", "{unknown}"],
  slots: { file: {}, name: { maxLength: 20_000 }, rest: {} },
};

/** Text as an attacker of a command line would write it; without NUL, which no argument can hold. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(..." \t\n'\"\\$`;&|<>*?[]{}()!#~-=%@:,\u00e4\u{1f600}"), maxLength: 40 }),
  fc.constantFrom(
    "",
    "-",
    "--",
    "-rf",
    "$(id)",
    "`id`",
    "; rm -rf /",
    "{name}",
    "{file}",
    "%s",
    "\\0",
    "../..",
    "a b",
    "\n",
  ),
).map((text) => text.replaceAll("\0", ""));

Deno.test("S7: the program gets exactly the values, whatever they contain", async () => {
  const handler = exec(probe);
  await fc.assert(
    fc.asyncProperty(hostile, hostile, hostile, async (file, name, rest) => {
      const ran = await attempt(handler, { command: "it", values: { file, name, rest } });
      if (name.startsWith("-")) return assert.equal(failureOf(ran).code, "bad_payload");
      const printed = resultOf(ran)["stdoutTail"] as string;
      const expected = [`--file=${file}`, name, "--", rest, "$HOME", "*", "{unknown}"];
      // The result keeps NUL as U+FFFD, as both stores must.
      assert.equal(printed, expected.map((arg) => `${arg}\ufffd`).join(""));
    }),
    { numRuns: 200 },
  );
});

Deno.test("S7: ten thousand payloads never make more, fewer or other arguments", () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (file, name, rest) => {
      const fill = () => fillSlots(probe, { file, name, rest }).args;
      if (name.startsWith("-")) return assert.throws(fill, { name: "BadPayload" });
      assert.deepEqual(fill(), ["%s\\0", `--file=${file}`, name, "--", rest, "$HOME", "*", "{unknown}"]);
    }),
    { numRuns: 10_000 },
  );
});

Deno.test("S8: a value is no option unless the configuration says so", () => {
  const fill = (command: Partial<ExecCommand>, values: Record<string, string>) =>
    fillSlots({ command: "x", ...command }, values).args;
  const slots = { a: {}, b: {} };
  assert.throws(() => fill({ args: ["-o", "{a}"], slots: { a: {} } }, { a: "-x" }), /begins with "-"/);
  assert.throws(() => fill({ args: ["{a}{b}"], slots }, { a: "", b: "-x" }), /begins with "-"/);
  assert.throws(() => fill({ args: ["{a}", "--"], slots: { a: {} } }, { a: "--" }), /begins with "-"/);
  assert.deepEqual(fill({ args: ["--", "{a}"], slots: { a: {} } }, { a: "-x" }), ["--", "-x"]);
  assert.deepEqual(fill({ args: ["--a={a}"], slots: { a: {} } }, { a: "-x" }), ["--a=-x"]);
  assert.deepEqual(fill({ args: ["{a}"], slots: { a: { allowDash: true } } }, { a: "-x" }), ["-x"]);
});

Deno.test("slots are required, have defaults, or leave their argument out", () => {
  const command: ExecCommand = {
    command: "x",
    args: ["{must}", "--opt={may}", "{preset}"],
    slots: { must: {}, may: { required: false }, preset: { default: "std" } },
  };
  assert.deepEqual(fillSlots(command, { must: 1 }).args, ["1", "std"]);
  assert.deepEqual(fillSlots(command, { must: true, may: "m", preset: "p" }).args, ["true", "--opt=m", "p"]);
  assert.throws(() => fillSlots(command, {}), /The slot must has no value/);
});

Deno.test("values are checked", () => {
  const command: ExecCommand = {
    command: "x",
    args: ["{id}"],
    slots: { id: { pattern: "[a-z]+|\\d{3}", maxLength: 5 } },
  };
  assert.deepEqual(fillSlots(command, { id: "abc" }).args, ["abc"]);
  const wrong: [unknown, RegExp][] = [
    [{ id: "abc\n" }, /does not match/],
    [{ id: "1234" }, /does not match/],
    [{ id: "abcdef" }, /longer than 5/],
    [{ id: ["abc"] }, /not text/],
    [{ id: "a", more: 1 }, /Unknown slot "more"; known: id/],
    [{ id: "a", __proto__: null, constructor: 1 }, /Unknown slot "constructor"/],
    ["abc", /not an object/],
  ];
  for (const [values, message] of wrong) {
    assert.throws(() => fillSlots(command, values), { name: "BadPayload", message });
  }
});

Deno.test("an unknown command is a permanent failure that names the known ones", async () => {
  const handler = execHandler({ commands: { build: { command: "true" }, test: { command: "true" } } }, {
    processes,
  });
  for (
    const payload of [{ command: "rm -rf /" }, { command: "constructor" }, {}, null, "build", {
      command: ["build"],
    }]
  ) {
    const failure = failureOf(await attempt(handler, payload));
    assert.deepEqual([failure.code, failure.permanent], ["bad_payload", true]);
    assert.match(failure.message, /known: build, test/);
  }
});

Deno.test("stdin is nothing, a value, or all values as JSON", async () => {
  const cat = async (stdin: string | undefined, values: Record<string, string>) => {
    const slots = Object.fromEntries(Object.keys(values).map((name) => [name, {}]));
    const args = Object.keys(values).map((name) => `/dev/null{${name}}`);
    const handler = exec({
      command: "/bin/sh",
      args: ["-c", "cat", ...args],
      slots,
      ...(stdin && { stdin }),
    });
    return resultOf(await attempt(handler, { command: "it", values }))["stdoutTail"];
  };
  assert.equal(await cat(undefined, {}), "");
  assert.equal(await cat("text", { text: "-x\n$(id)", other: "o" }), "-x\n$(id)");
  assert.equal(await cat("payload", { a: "1", b: "2" }), '{"a":"1","b":"2"}');
});

Deno.test("the exit code decides; the last complaint is the message", async () => {
  const ran = await attempt(
    script("echo out; echo one >&2; printf '\\033[31mtwo\\033[0m\\n\\n' >&2; exit 3"),
    { command: "it" },
  );
  const failure = failureOf(ran);
  assert.deepEqual([failure.code, failure.message, failure.permanent], ["exit_3", "Exit code 3: two", false]);
  const { stdoutTail, exitCode } = failure.data as { stdoutTail: string; exitCode: number };
  assert.deepEqual([stdoutTail, exitCode], ["out\n", 3]);
  assert.equal(ran.log.stdout, "out\n");
  const signal = failureOf(await attempt(script("kill -SEGV $$"), { command: "it" }));
  assert.deepEqual([signal.code, signal.permanent], ["signal_SIGSEGV", false]);
  const permanent = failureOf(
    await attempt(script("exit 65", { permanentExitCodes: [64, 65] }), { command: "it" }),
  );
  assert.deepEqual([permanent.code, permanent.permanent], ["exit_65", true]);
});

Deno.test("output is streamed while the program runs", async () => {
  const folder = await Deno.makeTempDir();
  const handler = script("echo started; while [ ! -e go ]; do sleep 0.02; done; echo went", { cwd: folder });
  const ran = await attempt(handler, { command: "it" }, {
    onLog: (text) => {
      if (text.includes("started")) Deno.writeTextFileSync(`${folder}/go`, "");
    },
  });
  assert.equal(resultOf(ran)["stdoutTail"], "started\nwent\n");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the result keeps the end of the output", async () => {
  const ran = await attempt(script("head -c 1000000 /dev/zero | tr '\\0' x; echo end"), { command: "it" });
  const tail = resultOf(ran)["stdoutTail"] as string;
  assert.ok(tail.endsWith("xend\n") && tail.length === 8192, String(tail.length));
});

Deno.test("limits of time and silence end the program", async () => {
  const slow = await attempt(script("while :; do echo tick; sleep 0.05; done", { timeout: "300ms" }), {
    command: "it",
  });
  assert.deepEqual([failureOf(slow).code, slow.left], ["timeout", []]);
  const silent = await attempt(script("setsid sleep 977 & sleep 976", { idle: "200ms" }), { command: "it" });
  assert.deepEqual([failureOf(silent).code, silent.left], ["no_output", []]);
});

Deno.test("S10: only the usual variables, the named ones and the set ones get there", async () => {
  Deno.env.set("JOBD_TOKEN", "secret");
  Deno.env.set("SOME_NAME", "passed");
  try {
    const handler = exec({ command: "env", envPass: ["SOME_NAME", "J*"], env: { GIVEN: "yes", LANG: "C" } });
    const printed = resultOf(await attempt(handler, { command: "it" }))["stdoutTail"] as string;
    const names = printed.split("\n").map((line) => line.split("=")[0]!).filter((name) => name !== "");
    const allowed =
      /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TERM|TMPDIR|TZ|SOME_NAME|GIVEN|JOBD_ATTEMPT|JOBD_OWNER)$/;
    assert.deepEqual(names.filter((name) => !allowed.test(name)), []);
    assert.match(printed, /^SOME_NAME=passed$/m);
    assert.match(printed, /^LANG=C$/m);
  } finally {
    Deno.env.delete("JOBD_TOKEN");
    Deno.env.delete("SOME_NAME");
  }
});

Deno.test("programs that cannot be started are permanent failures", async () => {
  for (
    const [command, code] of [
      [{ command: "no-such-program-of-jobd" }, "program_not_found"],
      [{ command: "/etc/passwd" }, "not_executable"],
      [{ command: "true", cwd: "/no/such/folder" }, "bad_cwd"],
    ] as const
  ) {
    const failure = failureOf(await attempt(exec(command), { command: "it" }));
    assert.deepEqual([failure.code, failure.permanent], [code, true]);
  }
});

Deno.test("18: a new attempt first ends what the earlier one left", async () => {
  const id = crypto.randomUUID();
  const abort = new AbortController();
  const started = Promise.withResolvers<void>();
  const first = attempt(script("echo on; sleep 975"), { command: "it" }, {
    job: { id },
    signal: abort.signal,
    onLog: () => started.resolve(),
  });
  await started.promise;
  const second = await attempt(script("echo again"), { command: "it" }, { job: { id, attempt: 2 } });
  assert.equal(resultOf(second)["stdoutTail"], "again\n");
  assert.match(second.log.system, /Ended what earlier attempts left behind: \d+ process/);
  const { outcome, left } = await first;
  assert.deepEqual([outcome.kind, left], ["failed", []]);
});

Deno.test("a stopped attempt gives nothing", async () => {
  const abort = new AbortController();
  const ran = await attempt(script("echo on; sleep 974"), { command: "it" }, {
    signal: abort.signal,
    onLog: () => abort.abort("cancelled"),
  });
  assert.deepEqual([ran.outcome, ran.left], [{ kind: "completed", result: null }, []]);
});

Deno.test("a wrong configuration is refused", () => {
  const wrong: [unknown, RegExp][] = [
    [{ command: "" }, /has no program/],
    [{ command: "x", slots: { a: {} } }, /slot a is used nowhere/],
    [{ command: "x", args: ["{payload}"], slots: { payload: {} } }, /cannot be the name of a slot/],
    [{ command: "x", args: ["{a}"], slots: { a: { pattern: "(" } } }, /pattern of slot a/],
    [{ command: "x", args: ["{a}"], slots: { a: { maxlength: 1 } } }, /unknown setting "maxlength"/],
    [{ command: "x", stdin: "a" }, /stdin names "a"/],
    [{ command: "x", envPass: ["JOBD_TOKEN"] }, /leads into jobd/],
    [{ command: "x", timeout: "soon" }, /soon/],
    [{ command: "x", arguments: [] }, /unknown setting "arguments"/],
  ];
  for (const [command, message] of wrong) {
    assert.throws(() => execHandler({ commands: { it: command } } as ExecConfig), {
      code: "invalid_config",
      message,
    });
  }
});
