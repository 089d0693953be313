// `deno task test`: starts one PostgreSQL of each version for the whole run, then all tests but the soaks, which
// `deno task test:soak` runs; extra arguments go to `deno test`.
import { startPostgres } from "./postgres_server.ts";

/** Soaks, and the tests with packages of their own, which `tests/storage/postgres_libraries_test.ts` runs. */
const APART = ["tests/soak", "tests/transactions"];

/** Runs alone, before all others: whether fork bombs are caught up with depends on who else wants the processors. */
const ALONE = "tests/process";

/** Run beside all others: they keep a processor busy for long. */
const CONFORMANCE = "tests/conformance";

/** Run beside all others, in two halves: they mostly wait for what daemons do. */
const E2E = "tests/e2e";

/** What is in the first half of them. */
const FIRST = /^(agent|real_agent|.*failpoints)/;

/** What goes with the first half, and with the second, so that all take about as long. */
const WITH_FIRST = "tests/storage";
const WITH_SECOND = "tests/watching";

/** Tests look into /proc to prove that nothing is left, which Deno allows only with all rights. Daemons get the shipped ones. */
const PERMISSIONS = ["--allow-all"];

Deno.exit(await run(Deno.args)); // the signal listeners would keep it running

async function run(args: string[]): Promise<number> {
  const [old, newest] = await Promise.all([
    startPostgres({ version: "15" }),
    startPostgres({ version: "newest" }),
  ]);
  await using _old = old;
  await using _newest = newest;
  // Many daemons run at the same time: each takes a port that is free.
  const API_PORT = "0";
  const env = { API_PORT, JOBD_TEST_POSTGRES_URLS: JSON.stringify({ "15": old.url, "newest": newest.url }) };
  const running = new Set<Deno.ChildProcess>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // The servers stop once the tests have ended.
    Deno.addSignalListener(signal, () => running.forEach((tests) => tests.kill(signal)));
  }
  const test = (own: string[], stdout: "inherit" | "piped"): Deno.ChildProcess => {
    const command = ["test", "--frozen", "--doc", ...PERMISSIONS, ...own];
    const tests = new Deno.Command(Deno.execPath(), {
      args: command,
      env,
      stdin: "null",
      stdout,
      stderr: stdout,
    }).spawn();
    running.add(tests);
    void tests.status.finally(() => running.delete(tests));
    return tests;
  };
  if (args.length > 0) return (await test(args, "inherit").status).code;
  // Types are looked at by `deno task check`, once for all.
  const codes = [(await test([ALONE, "--no-check"], "inherit").status).code];
  const beside = (await besides()).map((files) => test(["--no-check", ...files], "piped").output());
  const { code } = await test([
    "--no-check",
    `--ignore=${[...APART, ALONE, CONFORMANCE, E2E, WITH_FIRST, WITH_SECOND].join(",")}`,
  ], "inherit")
    .status;
  codes.push(code);
  for (const one of beside) {
    const { code, stdout, stderr } = await one;
    await write(Deno.stderr, stderr);
    await write(Deno.stdout, stdout);
    codes.push(code);
  }
  return codes.find((code) => code !== 0) ?? 0;
}

/** What each of the runs beside the main one takes. */
async function besides(): Promise<string[][]> {
  const files = (await Array.fromAsync(Deno.readDir(E2E))).map(({ name }) => name)
    .filter((name) => name.endsWith("_test.ts")).sort();
  const half = (first: boolean) =>
    files.filter((name) => FIRST.test(name) === first).map((name) => `${E2E}/${name}`);
  return [[CONFORMANCE], [...half(true), WITH_FIRST], [...half(false), WITH_SECOND]];
}

async function write(to: typeof Deno.stdout, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}
