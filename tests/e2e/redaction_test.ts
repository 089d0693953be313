/** What a job redacts, with real daemons and real programs that print it: nobody sees it anywhere, the program gets it. */
import assert from "node:assert/strict";
import { BACKENDS } from "./fleet.ts";
import { Site } from "./site.ts";

const SECRET = "tok_5b1c77e0d2";

/** Prints the secret in one piece, letter by letter, on both streams and inside JSON; fails with it when it is told to. */
const PROGRAM = `
printf 'login with %s\\n' "$1"
text=$1
while [ -n "$text" ]; do
  printf '%s' "\${text%"\${text#?}"}" >&2
  text=\${text#?}
  sleep 0.02
done
echo >&2
printf '{"token":"%s","length":%d}\\n' "$1" "\${#1}"
[ "$2" = fail ] || exit 0
echo "refused: $1" >&2
exit 3
`;

const config = {
  worker: { pollInterval: "100ms" },
  log: { level: "debug" },
  commands: {
    login: {
      command: "/bin/sh",
      args: ["-c", PROGRAM, "login", "{token}", "{end}"],
      slots: { token: {}, end: {} },
    },
  },
};

for (const backend of BACKENDS) {
  Deno.test(`${backend}: a secret that a program prints is seen nowhere`, async () => {
    await using site = await Site.of(backend, { config });
    await site.ok("jobd migrate");
    const daemon = await site.daemon("jobd worker");
    for (const [end, state] of [["ok", "completed"], ["fail", "dead"]]) {
      const payload = JSON.stringify({ command: "login", values: { token: SECRET, end } });
      const id = await site.ok(
        `jobd enqueue exec --max-attempts 1 --redact values.token --payload '${payload}'`,
      );
      await site.reaches(id, state!);
      const shown = await site.show(id);
      assert.deepEqual(shown.payload, { command: "login", values: { token: "[redacted]", end } });
      const { stdoutTail } = (shown.result ?? shown.error?.data) as { stdoutTail: string };
      // The program was given the real one.
      assert.ok(stdoutTail.includes(`"length":${SECRET.length}`), stdoutTail);
      assert.ok(stdoutTail.includes("login with [redacted]\n"), stdoutTail);
      if (end === "fail") assert.match(shown.error?.message ?? "", /refused: \[redacted\]/);
      const log = await site.ok(`jobd job logs ${id} --raw`);
      assert.ok(log.includes("login with [redacted]") && log.includes('{"token":"[redacted]"'), log);
      const said = [
        JSON.stringify(shown),
        log,
        await site.ok(`jobd job show ${id}`),
        await site.ok("jobd jobs --json"),
        await site.ok("jobd executions --json"),
        await site.ok("jobd dead list --json"),
        JSON.stringify(await (await site.jobd()).jobs.get(id)),
      ];
      for (const text of said) assert.ok(!text.includes("tok_5b1c"), text);
      // What programs leave behind is not in the store either; only payload and result are, for those who need them.
      const kept = await (await site.jobd()).jobs.get(id, { reveal: true });
      assert.ok(JSON.stringify(kept.payload).includes(SECRET));
      assert.ok(!JSON.stringify(kept.error).includes("tok_5b1c"));
    }
    daemon.kill("SIGTERM");
    await daemon.ended();
    const lines = JSON.stringify(daemon.lines);
    assert.ok(lines.includes("Attempt ended") && !lines.includes("tok_5b1c"), lines);
  });
}
