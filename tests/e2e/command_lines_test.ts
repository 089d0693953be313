/** The documented command lines, typed as they stand, with the real agent program behind a stand-in for its API. */
import assert from "node:assert/strict";
import { AgentApi, type AgentRequest } from "../support/agent_api.ts";
import { realClaude } from "../support/real_claude.ts";
import { BACKENDS, until } from "./fleet.ts";
import { agentVariables, alive, outcomes, type Shown, Site } from "./site.ts";

const WORKER = "jobd worker --concurrency 5 --queues high,default";
const PROMPT = `jobd enqueue --payload '{"prompt":"write hello world in go","cwd":"/tmp"}'`;
const LATER =
  `jobd enqueue --queue high --priority 10 --delay 5m --payload '{"prompt":"analyze security vulnerabilities","cwd":"/path/to/project"}'`;
const EMAIL = `jobd enqueue --payload '{"type":"email","to":"user@example.com"}'`;
const QUICK = `--payload '{"prompt":"write hello world in go"}'`;

/** Prompts that the API treats in a way of its own. */
const ENDLESS = "count all grains of sand";
const SECRET = "open the locked drawer";

interface List {
  items: Shown[];
}

interface Outcomes {
  runs: { type: string; outcomes: Record<string, number> }[];
}

for (const backend of BACKENDS) {
  Deno.test(`${backend}: the documented command lines work as written`, async (t) => {
    let locked = true;
    await using api = new AgentApi((request) => {
      if (asks(request, ENDLESS)) return { silence: true };
      if (asks(request, SECRET) && locked) {
        return { status: 401, type: "authentication_error", message: "bad key" };
      }
      return { text: "package main" };
    });
    const env = agentVariables(api);
    await using site = await Site.of(backend, { env, programs: { claude: await realClaude() } });
    const jobd = (await site.ok("jobd migrate"), await site.jobd());
    const daemon = await site.daemon(WORKER);

    await t.step("a prompt runs, and everything about it is shown", async () => {
      const id = await site.ok(PROMPT);
      await site.reaches(id, "completed");
      const job = await site.show(id);
      assert.deepEqual([job.id, job.type, job.queue, job.attempt, job.failures], [
        id,
        "claude",
        "default",
        1,
        0,
      ]);
      assert.deepEqual(job.payload, { prompt: "write hello world in go", cwd: "/tmp" });
      assert.deepEqual(job.result, { result: "package main", exitCode: 0 });
      assert.deepEqual([said(job.log.lines), job.log.more], [["package main"], false]);
      assert.deepEqual(outcomes(job), ["completed"]);
      const [execution] = job.executions;
      assert.deepEqual(
        [execution?.startedAt, execution?.finishedAt, execution?.worker],
        [job.startedAt, job.finishedAt, job.worker],
      );
      const [created, started, finished] = [job.createdAt, job.startedAt, job.finishedAt].map(instant);
      assert.ok(created! <= started! && started! <= finished!);
      assert.equal(execution?.durationMs, finished! - started!);
      assert.deepEqual(await alive(id), []);

      const text = await site.ok(`jobd job show ${id.slice(-12)}`);
      for (const line of [`Job ${id}`, "State       completed", "Failures    0 of 5, attempt 1"]) {
        assert.ok(text.includes(`${line}\n`), text);
      }
      assert.match(text, /\n {2}Finished +\S+Z \(.+\), took .+\n/);
      assert.match(text, /\n {2}Result +\{"result":"package main","exitCode":0\}\n/);
      assert.match(text, /\nAttempts\nATTEMPT +OUTCOME .*\n +1 +completed .*\nLog .*\npackage main(\n|$)/);
      assert.deepEqual(said((await site.ok(`jobd job logs ${id}`)).split("\n")), ["package main"]);
    });

    await t.step("a delayed one is scheduled, and starts at its time", async () => {
      const later = await site.show(await site.ok(LATER));
      assert.deepEqual([later.state, later.queue, later.priority, later.attempt], [
        "scheduled",
        "high",
        10,
        0,
      ]);
      assert.equal(instant(later.runAt) - instant(later.createdAt), 300_000);
      const listed = await site.json<List>("jobd jobs --state scheduled --queue high");
      assert.deepEqual(listed.items.map(({ id }) => id), [later.id]);

      const soon = await site.ok(`jobd enqueue --queue high --priority 10 --delay 2s ${QUICK}`);
      await site.reaches(soon, "completed");
      const job = await site.show(soon);
      assert.ok(instant(job.startedAt) >= instant(job.createdAt) + 2_000);
      assert.equal((await site.show(later.id)).state, "scheduled");
    });

    await t.step("a job whose type nobody serves waits, and that is said", async () => {
      const { code, stdout, stderr } = await site.line(EMAIL);
      assert.equal(code, 0);
      assert.match(stderr, /^note: No running worker serves type email in queue default: the job waits/);
      const email = await site.show(stdout.trim());
      assert.deepEqual([email.type, email.state, email.attempt], ["email", "available", 0]);
      assert.deepEqual(email.payload, { type: "email", to: "user@example.com" });
    });

    await t.step("--wait, --follow and --bulk", async () => {
      const waited = await site.line(`jobd enqueue --wait ${QUICK}`);
      assert.deepEqual([waited.code, JSON.parse(waited.stdout).result], [0, "package main"]);
      const shown = await site.json<Shown>(`jobd enqueue --wait ${QUICK}`);
      assert.deepEqual([shown.state, shown.result?.["result"]], ["completed", "package main"]);
      const followed = await site.line(`jobd enqueue --follow ${QUICK}`);
      assert.deepEqual([followed.code, JSON.parse(followed.stdout).result], [0, "package main"]);
      assert.match(followed.stderr, /^Job \S+\npackage main\n/);
      assert.equal(said(followed.stderr.trim().split("\n")).length, 2);
      const stdin = [1, 2, 3].map((number) => `{"prompt":"write program ${number}"}\n`).join("");
      const ids = (await site.ok("jobd enqueue --bulk", { stdin })).split("\n");
      assert.equal(ids.length, 3);
      for (const id of ids) await site.reaches(id, "completed");
    });

    await t.step("a running prompt is cancelled, and its process is gone", async () => {
      const id = await site.ok(`jobd enqueue --payload '{"prompt":"${ENDLESS}"}'`);
      await until("the agent asks", () => Promise.resolve(api.requests.some((one) => asks(one, ENDLESS))));
      assert.ok((await alive(id)).length > 0);
      assert.equal(await site.ok(`jobd job cancel ${id}`), `${id} cancelled`);
      await site.reaches(id, "cancelled");
      assert.deepEqual(outcomes(await site.show(id)), ["cancelled cancelled"]);
      assert.deepEqual(await alive(id), []);
    });

    await t.step("dead letters: list, retry by id and by filter, purge", async () => {
      const refused = await site.line(`jobd enqueue --wait --payload '{"prompt":"${SECRET}"}'`);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /The job is dead after 1 failed run: .*401 bad key/);
      const [dead] = (await site.json<List>("jobd dead list")).items;
      assert.deepEqual([dead?.attempt, dead?.failures, dead?.error?.code], [1, 1, "unauthorised"]);
      locked = false;
      await site.ok(`jobd job retry ${dead?.id}`);
      await site.reaches(dead!.id, "completed");
      const again = await site.show(dead!.id);
      assert.deepEqual([outcomes(again), again.failures], [["failed unauthorised", "completed"], 0]);

      const folder = `${site.folder}/project`;
      const lost = await site.ok(`jobd enqueue --payload '{"prompt":"write it","cwd":"${folder}"}'`);
      await site.reaches(lost, "dead");
      await Deno.mkdir(folder);
      assert.equal(await site.ok("jobd dead retry --search nothing"), "0 dead letters run again");
      assert.equal(await site.ok("jobd dead retry --search project"), "1 dead letter run again");
      await site.reaches(lost, "completed");

      const useless = await site.ok(`jobd enqueue --payload '{"prompt":" "}'`);
      await site.reaches(useless, "dead");
      assert.equal(await site.ok("jobd dead purge --yes"), "1 dead letter deleted");
      assert.deepEqual((await site.json<List>("jobd dead list")).items, []);
      assert.equal((await site.line(`jobd job show ${useless}`)).code, 3);
    });

    await t.step("nothing of a paused queue starts until it is resumed", async () => {
      await site.ok("jobd queue pause default");
      const paused = await site.ok(`jobd enqueue --priority 20 ${QUICK}`);
      await site.ok(`jobd enqueue --wait --queue high ${QUICK}`);
      const { state, attempt } = await jobd.jobs.get(paused);
      assert.deepEqual([state, attempt], ["available", 0]);
      assert.ok((await site.json<{ pausedAt: string | null }>("jobd queue show default")).pausedAt);
      await site.ok("jobd queue resume default");
      await site.reaches(paused, "completed");
    });

    await t.step("executions, workers, stats, doctor", async () => {
      const { items } = await site.json<{ items: Shown["executions"] }>("jobd executions --limit 100");
      const found = Map.groupBy(items, ({ outcome }) => outcome);
      const count = (outcome: string) => found.get(outcome)?.length ?? 0;
      assert.deepEqual([count("completed"), count("failed"), count("cancelled")], [12, 2, 1]);
      const [worker, ...others] =
        (await site.json<{ items: Record<string, unknown>[] }>("jobd workers")).items;
      assert.deepEqual([worker?.["concurrency"], worker?.["queues"], others], [5, ["high", "default"], []]);
      await until("the statistics are written", async () => {
        const { runs } = await site.json<Outcomes>("jobd stats");
        const total = (name: string) => runs.reduce((sum, { outcomes }) => sum + (outcomes[name] ?? 0), 0);
        return total("completed") === 12 && total("failed") === 3 && total("cancelled") === 1;
      });
      const checked = await site.json<
        { ok: boolean; findings: { name: string; value: string; level: string }[] }
      >(
        "jobd doctor --expect-worker",
      );
      assert.ok(checked.ok);
      // The tests' PostgreSQL may forget in a power cut, and doctor says so.
      const doubts = checked.findings.filter(({ name, level }) => level !== "ok" && name !== "fsync");
      assert.deepEqual(doubts.map(({ name, value }) => [name, /email/.test(value)]), [["job types", true]]);
    });

    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended(), 0);
    assert.deepEqual(daemon.lines.filter(({ level }) => level === "error"), []);
  });
}

function instant(text: string | null): number {
  return Date.parse(text ?? "");
}

/** Lines of a log without the note about helpers that the agent program may leave when the machine is slow. */
function said(lines: string[]): string[] {
  return lines.filter((line) => !line.startsWith("Ended what the program left behind: "));
}

/** Whether a request of the agent is about this prompt. */
function asks({ body }: AgentRequest, prompt: string): boolean {
  return JSON.stringify(body.messages).includes(prompt);
}
