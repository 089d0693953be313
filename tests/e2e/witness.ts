import type { AgentConfig } from "../../src/runtime/handlers/agent/agent_config.ts";
import type { Backend } from "./fleet.ts";
import { Site } from "./site.ts";

const WITNESS = new URL("./witness.sh", import.meta.url);
const FAKE = new URL("../support/fake_claude.ts", import.meta.url).pathname;

/** A site whose agent is the scripted one, with a witness around it; see witness.sh. */
export async function agentSite(backend: Backend, command = "agent"): Promise<Site> {
  const site = await Site.of(backend);
  await site.program("agent", await Deno.readTextFile(WITNESS));
  await configure(site, "jobd.json", { command: `${site.folder}/${command}` });
  await site.ok("jobd migrate");
  return site;
}

/** Writes a config file in which failures are tried again soon. */
export async function configure(site: Site, name: string, agent: AgentConfig): Promise<void> {
  const config = {
    worker: { pollInterval: "100ms" },
    backoff: { base: "100ms", max: "200ms", jitter: "none" },
    agent: {
      command: `${site.folder}/agent`,
      outputFormat: "stream-json",
      linger: "500ms",
      grace: "500ms",
      env: { FAKE, NO_COLOR: "1" },
      ...agent,
    },
  };
  await Deno.writeTextFile(`${site.folder}/${name}`, JSON.stringify(config));
}

/** Enqueues a prompt; gives the id of its job. */
export async function enqueue(site: Site, prompt: string): Promise<string> {
  return await site.ok(`jobd enqueue --payload '${JSON.stringify({ prompt })}'`);
}

/** Which attempts of a job started the agent, and which processes of other attempts were alive at that moment. */
export async function startsOf(site: Site, jobId: string): Promise<{ attempt: number; others: string[] }[]> {
  const text = await Deno.readTextFile(`${site.folder}/starts`).catch(() => "");
  return text.split("\n").filter((line) => line.startsWith(`${jobId}:`)).map((line) => {
    const [mark = "", ...others] = line.trim().split(" ");
    return { attempt: Number(mark.slice(jobId.length + 1)), others };
  });
}

/** Lets an attempt through its gate. */
export async function openGate(site: Site, jobId: string, attempt: number): Promise<void> {
  await Deno.writeTextFile(`${site.folder}/gate-${jobId}:${attempt}`, "");
}
