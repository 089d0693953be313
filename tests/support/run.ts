// `deno task test`: starts one PostgreSQL of each version for the whole run, then all tests but the soaks, which
// `deno task test:soak` runs; extra arguments go to `deno test`.
import { startPostgres } from "./postgres_server.ts";

/** Soaks, and the tests with packages of their own, which `tests/storage/postgres_libraries_test.ts` runs. */
const APART = ["tests/soak", "tests/transactions"];

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
  const tests = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--frozen",
      "--doc",
      ...PERMISSIONS,
      ...(args.length === 0 ? [`--ignore=${APART.join(",")}`] : args),
    ],
    env: { JOBD_TEST_POSTGRES_URLS: JSON.stringify({ "15": old.url, "newest": newest.url }) },
    stdin: "null",
  }).spawn();
  let running = true;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => running && tests.kill(signal)); // the servers stop once the tests have ended
  }
  const { code } = await tests.status;
  running = false;
  return code;
}
