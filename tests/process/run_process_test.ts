import assert from "node:assert/strict";
import { Processes } from "../../src/runtime/process/processes.ts";
import { StartError } from "../../src/runtime/process/start_error.ts";
import { alive, freshMark, marked, runScript, TEST_ENV, until } from "../support/process_probe.ts";

const processes = new Processes();

Deno.test("a program gets its arguments, environment and folder, and nothing else", async () => {
  const attempt = freshMark();
  const script = 'printf "%s|" "$@"; pwd; env';
  const ran = await runScript(processes, "", {
    args: ["-c", script, "sh", "a b", "", "*", "$HOME"],
    attempt,
    env: { PATH: "/usr/bin:/bin", OWN: "1" },
  });
  assert.equal(ran.exitCode, 0);
  const lines = ran.stdout.trim().split("\n");
  assert.equal(lines.shift(), "a b||*|$HOME|/tmp");
  const names = lines.filter((line) => line.includes("=")).map((line) => line.split("=")[0]);
  assert.deepEqual(names.sort(), ["JOBD_ATTEMPT", "JOBD_OWNER", "OWN", "PATH", "PWD"]);
  assert.ok(lines.includes(`JOBD_ATTEMPT=${attempt}`));
});

Deno.test("no file, socket or pipe of the daemon reaches a program", async () => {
  using _file = await Deno.open("/dev/null");
  using _listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ran = await runScript(processes, "exec ls -l /proc/self/fd");
  const numbers = [...ran.stdout.matchAll(/ (\d+) -> /g)].map((match) => Number(match[1]));
  // What whoever started the daemon left open for all programs, and the folder that ls reads.
  const inherited = await inheritedFiles();
  const own = numbers.filter((number) => number > 2 && !inherited.includes(number));
  assert.ok(numbers.includes(0) && own.length === 1, ran.stdout);
});

/** The open files of this process that the system passes on to programs that it starts. */
async function inheritedFiles(): Promise<number[]> {
  const CLOSE_ON_EXEC = 0o2000000;
  const numbers: number[] = [];
  for await (const { name } of Deno.readDir("/proc/self/fdinfo")) {
    const info = await Deno.readTextFile(`/proc/self/fdinfo/${name}`).catch(() => "");
    const flags = Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? "", 8);
    if ((flags & CLOSE_ON_EXEC) === 0) numbers.push(Number(name));
  }
  return numbers;
}

Deno.test("exit codes and signals are told apart", async () => {
  const exited = await runScript(processes, "exit 7");
  assert.deepEqual([exited.exitCode, exited.signal, exited.endedBy], [7, null, null]);
  const killed = await runScript(processes, "kill -9 $$");
  assert.deepEqual([killed.exitCode, killed.signal, killed.endedBy], [null, "SIGKILL", null]);
});

Deno.test("17: what a program leaves behind in a session of its own is ended", async () => {
  const attempt = freshMark();
  const ran = await runScript(processes, "setsid sleep 999 & echo $!; sleep 998 & exit 0", { attempt });
  assert.equal(ran.exitCode, 0);
  assert.ok(ran.tree.ended >= 2, `ended ${ran.tree.ended}`);
  assert.equal(ran.tree.left, 0);
  assert.deepEqual(await marked(attempt), []);
});

Deno.test("17: what ends by itself right after its program is not disturbed", async () => {
  const ran = await runScript(processes, "(sleep 0.02; echo flushed) & exit 0");
  assert.deepEqual([ran.exitCode, ran.stdout, ran.tree], [0, "flushed\n", { ended: 0, left: 0 }]);
});

Deno.test("17: a child that wiped its environment is found through its parent or its group", async () => {
  const abort = new AbortController();
  const attempt = freshMark();
  let pid = 0;
  const script = "env -i /bin/sleep 997 & env -i setsid /bin/sh -c 'echo $$; exec /bin/sleep 996' & wait";
  const running = runScript(processes, script, {
    attempt,
    signal: abort.signal,
    onOutput: (_, text) => {
      pid = Number(text);
      abort.abort("cancelled");
    },
  });
  const ran = await running;
  assert.equal(ran.endedBy, "abort");
  assert.ok(pid > 0);
  assert.equal(await alive(pid), false);
});

Deno.test("19: stdin is closed, or holds exactly what was given", async () => {
  assert.equal((await runScript(processes, "cat; echo done")).stdout, "done\n");
  assert.equal((await runScript(processes, "cat", { stdin: "--prompt\n\u00e4" })).stdout, "--prompt\n\u00e4");
});

Deno.test("a program that never reads a large stdin holds nothing up", async () => {
  const ran = await runScript(processes, "exec 0<&-; exit 3", { stdin: "x".repeat(4_000_000) });
  assert.equal(ran.exitCode, 3);
});

Deno.test("24: SIGTERM that is ignored is followed by SIGKILL", async () => {
  const abort = new AbortController();
  const attempt = freshMark();
  const ran = await runScript(processes, "trap '' TERM; echo ready; while :; do sleep 1; done", {
    attempt,
    signal: abort.signal,
    graceMs: 200,
    onOutput: () => abort.abort("timeout"),
  });
  assert.deepEqual([ran.endedBy, ran.signal], ["abort", "SIGKILL"]);
  assert.deepEqual(await marked(attempt), []);
});

Deno.test("a program gets its grace to end in order", async () => {
  const abort = new AbortController();
  let output = "";
  const ran = await runScript(
    processes,
    "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done",
    {
      signal: abort.signal,
      graceMs: 30_000,
      onOutput: (_, text) => {
        output += text;
        abort.abort("shutdown");
      },
    },
  );
  // The shell also says that its sleep was terminated.
  assert.match(output, /^ready\n[^]*bye\n$/);
  assert.deepEqual([ran.endedBy, ran.exitCode], ["abort", 4]);
});

Deno.test("no grace means SIGKILL at once", async () => {
  const abort = new AbortController();
  let output = "";
  const ran = await runScript(processes, "trap 'echo bye' TERM; echo ready; while :; do sleep 0.05; done", {
    signal: abort.signal,
    graceMs: (reason) => reason === "lease_lost" ? 0 : 30_000,
    onOutput: (_, text) => {
      output += text;
      abort.abort("lease_lost");
    },
  });
  assert.deepEqual([output, ran.signal], ["ready\n", "SIGKILL"]);
});

Deno.test("a signal that was aborted before starts nothing", async () => {
  const ran = await runScript(processes, "echo started", { signal: AbortSignal.abort("cancelled") });
  assert.deepEqual([ran.endedBy, ran.stdout], ["abort", ""]);
});

Deno.test("21: silence is ended, output postpones that", async () => {
  const silent = await runScript(processes, "sleep 995", { idleMs: 150 });
  assert.equal(silent.endedBy, "idle");
  const steady = await runScript(processes, "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done", {
    idleMs: 900,
  });
  assert.deepEqual([steady.endedBy, steady.exitCode], [null, 0]);
});

Deno.test("5: a frozen program is ended by the limits", async () => {
  const attempt = freshMark();
  const ran = await runScript(processes, "sleep 994 & kill -STOP 0", {
    attempt,
    idleMs: 200,
    graceMs: 5_000,
  });
  assert.equal(ran.endedBy, "idle");
  assert.deepEqual(await marked(attempt), []);
});

Deno.test("a time limit ends the program", async () => {
  assert.equal((await runScript(processes, "sleep 993", { timeoutMs: 100 })).endedBy, "timeout");
});

Deno.test("20: a program that stays after its last word is ended", async () => {
  const ran = await runScript(processes, "echo final; sleep 992", { lingerMs: 100, onOutput: () => true });
  assert.equal(ran.endedBy, "linger");
  const quick = await runScript(processes, "echo final", { lingerMs: 30_000, onOutput: () => true });
  assert.deepEqual([quick.endedBy, quick.exitCode], [null, 0]);
});

Deno.test("25: a flood without newlines and with invalid bytes passes in bounded memory", async () => {
  let characters = 0;
  let largest = 0;
  const before = Deno.memoryUsage().rss;
  const script = "head -c 100000000 /dev/zero | tr '\\0' '\\377'";
  const ran = await runScript(processes, script, {
    onOutput: (_, text) => {
      characters += text.length;
      largest = Math.max(largest, text.length);
    },
  });
  assert.equal(ran.exitCode, 0);
  assert.equal(characters, 100_000_000);
  assert.ok(largest <= 1_000_000, `one piece of ${largest}`);
  const growth = (Deno.memoryUsage().rss - before) / 1024 / 1024;
  assert.ok(growth < 64, `grew by ${growth} MiB`);
});

Deno.test("characters split over two writes are joined and invalid bytes replaced", async () => {
  const script =
    "printf '\\303'; sleep 0.2; printf '\\244 \\377 \\360\\237'; sleep 0.2; printf '\\230\\200 \\342\\202'";
  assert.equal((await runScript(processes, script)).stdout, "\u00e4 \ufffd \u{1f600} \ufffd");
});

Deno.test("26: one full pipe beside a silent one blocks nothing", async () => {
  const ran = await runScript(processes, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo done");
  assert.deepEqual([ran.stdout, ran.stderr.length], ["done\n", 1_000_000]);
});

Deno.test("27: a pipe that somebody out of reach keeps open does not hold the end", async () => {
  // Wipes its environment, leaves the session and loses its parent: out of reach by design.
  const script = "(env -i setsid /bin/sh -c 'echo $$; exec /bin/sleep 991' &); sleep 0.5; exit 0";
  const ran = await runScript(processes, script, { drainMs: 100 });
  const pid = Number(ran.stdout);
  try {
    assert.equal(ran.exitCode, 0);
    assert.equal(await alive(pid), true);
  } finally {
    Deno.kill(pid, "SIGKILL");
  }
  await until("the escaped process is gone", async () => !await alive(pid));
});

Deno.test("28: processes that fork faster than they are ended", async () => {
  const abort = new AbortController();
  const attempt = freshMark();
  // Twenty lines: each generation lives for 20 ms, then starts the next in a session of its own and ends.
  const runner = 'trap "" TERM; sleep 0.02; [ "$1" -gt 0 ] && setsid sh -c "$0" "$0" $(($1 - 1)) &';
  const script =
    'i=0; while [ $i -lt 20 ]; do sh -c "$0" "$0" 1000 & i=$((i + 1)); done; echo ready; sleep 988';
  const ran = await runScript(processes, "", {
    args: ["-c", script, runner],
    attempt,
    signal: abort.signal,
    graceMs: 100,
    onOutput: () => abort.abort("cancelled"),
  });
  assert.ok(ran.tree.ended > 20, `ended ${ran.tree.ended}`);
  assert.equal(ran.tree.left, 0);
  assert.deepEqual(await marked(attempt), []);
});

Deno.test("28: a fork bomb is frozen, then killed", async () => {
  const abort = new AbortController();
  const attempt = freshMark();
  // Doubles up to 256 branches, which would stay for minutes.
  const bomb =
    'if [ "$1" -gt 0 ]; then for i in 1 2; do sh -c "$0" "$0" $(($1 - 1)) & done; fi; echo; sleep 989';
  const ran = await runScript(processes, "", {
    args: ["-c", bomb, bomb, "8"],
    attempt,
    signal: abort.signal,
    graceMs: 0,
    onOutput: () => abort.abort("cancelled"),
  });
  assert.ok(ran.tree.ended > 1, `ended ${ran.tree.ended}`);
  assert.equal(ran.tree.left, 0);
  assert.deepEqual(await marked(attempt), []);
});

Deno.test("29: programs that cannot be started say why", async (t) => {
  const folder = await Deno.makeTempDir();
  const file = async (name: string, text: string, mode: number): Promise<string> => {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    await Deno.chmod(`${folder}/${name}`, mode);
    return `${folder}/${name}`;
  };
  const plain = await file("plain", "text", 0o644);
  const cases = [
    ["a name that is not on PATH", { command: "no-such-program-of-jobd" }, "program_not_found"],
    ["a path that does not exist", { command: `${folder}/nothing` }, "program_not_found"],
    ["a file without the right", { command: plain }, "not_executable"],
    ["a folder", { command: folder }, "not_executable"],
    [
      "a missing interpreter",
      { command: await file("script", "#!/no/such/interpreter\n", 0o755) },
      "not_executable",
    ],
    [
      "a binary for no machine",
      { command: await file("binary", "\x7fELF\x01\x02garbage", 0o755) },
      "not_executable",
    ],
    ["arguments of 2 MB", { args: ["-c", "true", "x".repeat(2_000_000)] }, "arguments_too_long"],
    ["a NUL in an argument", { args: ["-c", "true", "a\0b"] }, "bad_arguments"],
    ["a missing folder to work in", { cwd: `${folder}/nowhere` }, "bad_cwd"],
    ["a file to work in", { cwd: plain }, "bad_cwd"],
  ] as const;
  for (const [name, spec, code] of cases) {
    await t.step(name, async () => {
      await assert.rejects(runScript(processes, "true", { ...spec, env: TEST_ENV }), (error) => {
        assert.ok(error instanceof StartError, String(error));
        assert.equal(error.code, code);
        return true;
      });
    });
  }
  await Deno.remove(folder, { recursive: true });
});
