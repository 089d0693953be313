import assert from "node:assert/strict";

// The libraries are kept out of deno.json on purpose: whatever its lock file names, every start of jobd would download.
const FOLDER = new URL("../transactions/", import.meta.url).pathname;

async function deno(...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: FOLDER,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, `deno ${args.join(" ")}\n${said}`);
}

Deno.test("jobs are enqueued within transactions of pg, postgres, Drizzle and Kysely", async () => {
  await deno("fmt", "--check");
  await deno("lint");
  await deno("test", "--frozen", "--allow-all");
});
