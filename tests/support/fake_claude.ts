#!/usr/bin/env -S deno run -A --no-config --no-lock
/**
 * An agent program that misbehaves on request. It takes the flags of the real one; what it does is the first word of
 * its prompt (or of `FAKE_CLAUDE`): see `MODES`. Sessions are files in `$HOME`.
 */
import { setTimeout as pause } from "node:timers/promises";

const VALUED = ["--output-format", "--session-id", "--resume", "--max-turns", "--max-budget-usd", "--model"];
const FLAGS = ["--dangerously-skip-permissions", "-p", "--verbose"];
const FOREVER_MS = 600_000;

interface Call {
  flags: string[];
  values: Map<string, string>;
  prompt: string;
  stdin: string;
}

const call = await readCall(Deno.args);
const format = call.values.get("--output-format") ?? "text";
const sessionId = await openSession();
const MODES: Record<string, () => Promise<number> | number> = {
  ok: () => finish({ text: "hello world" }),
  /** Answers with what it was called with. */
  echo: () => finish({ text: JSON.stringify({ args: Deno.args, prompt: call.prompt, stdin: call.stdin }) }),
  env: () => finish({ text: JSON.stringify(Deno.env.toObject()) }),
  cwd: () => finish({ text: Deno.cwd() }),
  session: () => finish({ text: call.values.has("--resume") ? "resumed" : "new" }),
  /** 17: leaves a process in a session of its own. */
  leave: () => {
    start(["setsid", "sleep", "979"], "null");
    return finish({ text: "left" });
  },
  /** 20: says all and stays. */
  stay: async () => {
    finish({ text: "said all" });
    await pause(FOREVER_MS);
    return 0;
  },
  /** 21: says nothing. */
  silent: async () => {
    await pause(FOREVER_MS);
    return 0;
  },
  /** Begins, then says nothing: what the real one does when the API does not answer. */
  hang: async () => {
    begin();
    await pause(FOREVER_MS);
    return 0;
  },
  /** 22: half a record. */
  truncated: () => {
    begin();
    write(JSON.stringify(record({ text: "half" })).slice(0, 60));
    return 0;
  },
  empty: () => 0,
  blank: () => {
    write("\n \n");
    return 0;
  },
  /** 23: the record says error, the exit code says success. */
  error: () => finish({ text: "something broke", error: true, exit: 0 }),
  budget: () =>
    finish({
      subtype: "error_max_budget_usd",
      errors: ["Reached maximum budget ($1)"],
      error: true,
      exit: 0,
    }),
  turns: () =>
    finish({
      subtype: "error_max_turns",
      errors: ["Reached maximum number of turns (2)"],
      error: true,
      exit: 1,
    }),
  unauthorised: () => refused(401, "Failed to authenticate. API Error: 401 bad key"),
  limited: () => refused(429, "API Error: Request rejected (429) · slow down"),
  limited_until: () => refused(429, `usage limit reached|${call.prompt.split(" ")[1]}`),
  overloaded: () => refused(529, "API Error: 529 busy"),
  /** 24: goes on whatever it is told. */
  stubborn: async () => {
    Deno.addSignalListener("SIGTERM", () => {});
    begin();
    await pause(FOREVER_MS);
    return 0;
  },
  /** Like the real one: a cancelled run reports success. */
  polite: async () => {
    const told = Promise.withResolvers<void>();
    Deno.addSignalListener("SIGTERM", () => told.resolve());
    begin();
    await told.promise;
    return finish({ text: "interrupted" });
  },
  /** 25: a line of 40 MB and invalid bytes, then a proper end. */
  flood: async () => {
    const piece = new Uint8Array(1_000_000).fill(0x78);
    for (let megabyte = 0; megabyte < 40; megabyte++) await writeAll(piece);
    await writeAll(new Uint8Array([0xff, 0xfe, 0x0a]));
    return finish({ text: "dry" });
  },
  /** 26: stderr full, stdout silent. */
  stderr: async () => {
    await Deno.stderr.write(new Uint8Array(1_000_000).fill(0x79));
    return finish({ text: "said" });
  },
  /** 27: somebody keeps stdout open. */
  hold: () => {
    start(["sleep", "978"], "inherit");
    return finish({ text: "held" });
  },
  noise: () => {
    write("warning: not JSON\n");
    return finish({ text: "quiet" });
  },
  exit3: () => {
    complain("first\nlast words");
    return 3;
  },
  fail_after: () => finish({ text: "fine", exit: 4 }),
  killed: async () => {
    begin();
    Deno.kill(Deno.pid, "SIGKILL");
    await pause(FOREVER_MS);
    return 0;
  },
};

const mode = Deno.env.get("FAKE_CLAUDE") ??
  call.prompt.split(/\s/).findLast((word) => Object.hasOwn(MODES, word)) ?? "echo";
Deno.exit(await MODES[mode]!());

async function readCall(args: string[]): Promise<Call> {
  const values = new Map<string, string>();
  const flags: string[] = [];
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") {
      words.push(...args.slice(at + 1));
      break;
    }
    if (VALUED.includes(arg)) values.set(arg, args[++at] ?? "");
    else if (FLAGS.includes(arg)) flags.push(arg);
    else if (arg.startsWith("-") && arg !== "-") fail(`error: unknown option '${arg}'`);
    else words.push(arg);
  }
  const stdin = await new Response(Deno.stdin.readable).text();
  return { flags, values, prompt: words[0] ?? stdin, stdin };
}

async function openSession(): Promise<string> {
  const home = Deno.env.get("HOME") ?? "/tmp";
  const resumed = call.values.get("--resume");
  const known = (id: string): Promise<boolean> =>
    Deno.stat(`${home}/${id}.session`).then(() => true, () => false);
  if (resumed !== undefined) {
    if (!await known(resumed)) fail(`No conversation found with session ID: ${resumed}`);
    return resumed;
  }
  const id = call.values.get("--session-id");
  if (id === undefined) return crypto.randomUUID();
  if (await known(id)) fail(`Error: Session ID ${id} is already in use.`);
  await Deno.writeTextFile(`${home}/${id}.session`, "");
  return id;
}

function fail(message: string): never {
  complain(message);
  Deno.exit(1);
}

function complain(message: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${message}\n`));
}

interface Ending {
  text?: string;
  subtype?: string;
  error?: boolean;
  status?: number;
  errors?: string[];
  exit?: number;
}

function refused(status: number, text: string): number {
  return finish({ text, error: true, status, exit: 1 });
}

function finish(ending: Ending): number {
  if (format === "text") write(`${ending.text ?? ending.errors?.[0] ?? ""}\n`);
  else {
    begin();
    if (format === "stream-json" && ending.error !== true) {
      write(`${JSON.stringify(answer(ending.text ?? ""))}\n`);
    }
    write(
      `${
        JSON.stringify(
          format === "json" && call.flags.includes("--verbose") ? [init(), record(ending)] : record(ending),
        )
      }\n`,
    );
  }
  return ending.exit ?? 0;
}

function begin(): void {
  if (format === "stream-json") write(`${JSON.stringify(init())}\n`);
}

function init(): unknown {
  return { type: "system", subtype: "init", session_id: sessionId, model: "fake-1", tools: ["Bash"] };
}

function answer(text: string): unknown {
  return {
    type: "assistant",
    message: { role: "assistant", content: [{ type: "text", text }] },
    session_id: sessionId,
  };
}

function record({ text, subtype, error = false, status, errors }: Ending): unknown {
  return {
    type: "result",
    subtype: subtype ?? "success",
    is_error: error,
    ...(status !== undefined && { api_error_status: status }),
    ...(text !== undefined && { result: text }),
    ...(errors !== undefined && { errors }),
    num_turns: 2,
    session_id: sessionId,
    total_cost_usd: 0.25,
    usage: { input_tokens: 7, output_tokens: 3, cache_read_input_tokens: 2, cache_creation_input_tokens: 1 },
  };
}

function start([command, ...args]: string[], stdout: "inherit" | "null"): void {
  new Deno.Command(command!, { args, stdin: "null", stdout, stderr: stdout }).spawn().unref();
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await Deno.stdout.write(bytes.subarray(sent));
}
