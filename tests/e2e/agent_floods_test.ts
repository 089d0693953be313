/** What a huge line of output costs a daemon: memory that does not grow with the line. */
import assert from "node:assert/strict";
import { BACKENDS } from "./fleet.ts";
import { Site } from "./site.ts";

/** By how much one flood may raise the peak of a daemon's memory, in MiB. */
const MOST_MIB = 44;
const MEGABYTES = 60;

/** A program that notes its parent, the daemon, and prints so many bytes in a way that its prompt names. */
const AGENT = `#!/bin/sh
for prompt; do :; done
echo $PPID >daemon
bytes=\${prompt#* }
fill() { head -c "$bytes" /dev/zero | tr '\\000' "$1"; }
case $prompt in
event*) printf '{"type":"assistant","message":{"content":[{"type":"text","text":"'; fill x; printf '"}]}}\\n' ;;
noise*) fill '\\377'; echo ;;
stderr*) fill x >&2 ;;
esac
[ "$prompt" = "\${prompt#exec}" ] || { fill x; exit; }
printf '{"type":"result","subtype":"success","is_error":false,"result":"dry"}\\n'
`;

const FLOODS = {
  "an event in stream-json": { type: "claude", word: "event", format: "stream-json" },
  "an event in json": { type: "claude", word: "event", format: "json" },
  "invalid bytes": { type: "claude", word: "noise", format: "stream-json" },
  "stderr of an agent": { type: "claude", word: "stderr", format: "stream-json" },
  "stdout of a command": { type: "exec", word: "exec", format: "text" },
} as const;
type Flood = (typeof FLOODS)[keyof typeof FLOODS];

for (const backend of BACKENDS) {
  for (const [name, flood] of Object.entries(FLOODS)) {
    Deno.test(`${backend}: 25: ${MEGABYTES} MB in one line cost little memory: ${name}`, async () => {
      await using site = await floodSite(backend, flood);
      for (let warm = 0; warm < 3; warm++) await run(site, flood, 1_000);
      const before = await peakMib(site);
      await run(site, flood, MEGABYTES * 1_000_000);
      const growth = await peakMib(site) - before;
      assert.ok(growth <= MOST_MIB, `${growth.toFixed(1)} MiB more than ${before.toFixed(1)}`);
    });
  }
}

async function floodSite(backend: (typeof BACKENDS)[number], { format }: Flood): Promise<Site> {
  const site = await Site.of(backend, {
    config: {
      worker: { pollInterval: "100ms" },
      agent: { command: "./flooder", outputFormat: format },
      commands: { flood: { command: "./flooder", args: ["{prompt}"], slots: { prompt: {} } } },
    },
  });
  await site.program("flooder", AGENT);
  await site.ok("jobd migrate");
  await site.daemon("jobd start");
  return site;
}

async function run(site: Site, { type, word }: Flood, bytes: number): Promise<void> {
  const prompt = `${word} ${bytes}`;
  const payload = type === "exec" ? { command: "flood", values: { prompt } } : { prompt };
  const jobd = await site.jobd();
  const { id } = await jobd.enqueue({ type, payload, maxAttempts: 1 });
  const job = await jobd.jobs.wait(id, { timeoutMs: 120_000 });
  assert.equal(job.state, "completed", JSON.stringify(job.error));
}

/** The most memory that the daemon ever held, in MiB. */
async function peakMib(site: Site): Promise<number> {
  const pid = (await Deno.readTextFile(`${site.folder}/daemon`)).trim();
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  assert.ok(kib !== undefined, status);
  return Number(kib) / 1024;
}
