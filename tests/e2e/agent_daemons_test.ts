/** Daemons that are killed, stopped or frozen while they run agents. The numbers are of the fault list. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { Daemon } from "../cli/program.ts";
import { BACKENDS, freeze, until } from "./fleet.ts";
import { alive, outcomes, type Site } from "./site.ts";
import { agentSite, enqueue, openGate, startsOf } from "./witness.ts";

/** Waits until an attempt runs its agent: in its process, behind whatever the witness does first. */
async function begun(site: Site, id: string, attempt: number): Promise<void> {
  const started = async () => (await startsOf(site, id)).some((start) => start.attempt === attempt);
  await until(`attempt ${attempt} of ${id} has started`, started);
  assert.ok((await alive(id)).includes(attempt));
}

/** Waits until a daemon has noticed that its attempt is over: before or after it had something to write. */
async function gaveUp(daemon: Daemon, id: string): Promise<void> {
  const messages = [
    "Attempt given up: its lease was lost",
    "A late result changed nothing: the attempt is over",
  ];
  await until(`the frozen daemon gives ${id} up`, () => {
    const found = daemon.lines.some(({ job, message }) => job === id && messages.includes(String(message)));
    return Promise.resolve(found);
  });
}

/** The attempt in whose process the result of the agent was made: it answers with its environment. */
function winner(result: unknown): string {
  return JSON.parse((result as { result: string }).result)["JOBD_ATTEMPT"];
}

for (const backend of BACKENDS) {
  Deno.test(`${backend}: 18: nothing of an attempt lives when the next one starts after kill -9 of the daemon`, async () => {
    await using site = await agentSite(backend);
    const daemon = await site.daemon("jobd start");
    const ids = [
      await enqueue(site, "family hang at-first"),
      await enqueue(site, "family stubborn at-first"),
      await enqueue(site, "bomb hang at-first"),
    ];
    for (const id of ids) {
      await site.logs(id, /session/);
      assert.ok((await alive(id)).length >= 3);
    }
    daemon.kill("SIGKILL");
    await daemon.ended();
    await site.daemon("jobd start");
    for (const id of ids) {
      const { result, failures } = await site.reaches(id, "completed");
      assert.deepEqual([winner(result), failures], [`${id}:2`, 1]);
      assert.deepEqual(await startsOf(site, id), [{ attempt: 1, others: [] }, { attempt: 2, others: [] }]);
      assert.deepEqual(outcomes(await site.show(id)), ["lost worker_lost", "completed"]);
      assert.deepEqual(await alive(id), []);
    }
  });

  Deno.test(`${backend}: SIGTERM lets agents finish; a second one ends them and hands their jobs back`, async () => {
    await using site = await agentSite(backend);
    const daemon = await site.daemon("jobd start --shutdown-timeout 1h");
    const finishes = await enqueue(site, "gate ok");
    const stays = await enqueue(site, "family stubborn at-first");
    await begun(site, finishes, 1);
    await site.logs(stays, /session/);
    daemon.kill("SIGTERM");
    await daemon.logged("Stopping: running jobs may finish");
    const late = await enqueue(site, "ok");
    await openGate(site, finishes, 1);
    await site.reaches(finishes, "completed");
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended(), 0);
    for (const id of [finishes, stays, late]) assert.deepEqual(await alive(id), []);
    const back = await site.show(stays);
    assert.deepEqual([back.state, back.failures, back.releases], ["available", 0, 1]);
    const waiting = await site.show(late);
    assert.deepEqual([waiting.state, waiting.attempt], ["available", 0]);

    const next = await site.daemon("jobd start");
    await site.reaches(late, "completed");
    await site.reaches(stays, "completed");
    assert.deepEqual(outcomes(await site.show(stays)), ["released", "completed"]);
    assert.deepEqual((await startsOf(site, stays)).map(({ others }) => others), [[], []]);
    next.kill("SIGTERM");
    assert.equal(await next.ended(), 0);
  });

  Deno.test(`${backend}: 4: a daemon frozen past its lease comes back to attempts that are over`, async () => {
    await using site = await agentSite(backend);
    const frozen = await site.daemon("jobd start", { WORKER_LEASE: "5s" });
    const running = await enqueue(site, "family gate env");
    const finished = await enqueue(site, "gate env");
    for (const id of [running, finished]) await begun(site, id, 1);
    await freeze(await site.jobd(), frozen);
    // One agent goes on while its daemon does not see it; the other one says all it has to say and ends.
    await openGate(site, finished, 1);
    await until("the agent has ended", async () => (await alive(finished)).length === 0);

    const other = await site.daemon("jobd start");
    for (const id of [running, finished]) await begun(site, id, 2);
    assert.ok(!(await alive(running)).includes(1), "attempt 1 lives beside attempt 2");
    frozen.kill("SIGCONT");
    for (const id of [running, finished]) await gaveUp(frozen, id);
    for (const id of [running, finished]) {
      const { state, attempt } = await (await site.jobd()).jobs.get(id);
      assert.deepEqual([state, attempt], ["running", 2]);
      await openGate(site, id, 2);
    }
    for (const id of [running, finished]) {
      const { result, failures } = await site.reaches(id, "completed");
      assert.deepEqual([winner(result), failures], [`${id}:2`, 1]);
      assert.deepEqual(outcomes(await site.show(id)), ["lost worker_lost", "completed"]);
      assert.deepEqual(await startsOf(site, id), [{ attempt: 1, others: [] }, { attempt: 2, others: [] }]);
      assert.deepEqual(await alive(id), []);
    }
    // Both are fit to go on.
    for (const daemon of [frozen, other]) {
      daemon.kill("SIGTERM");
      assert.equal(await daemon.ended(), 0);
    }
  });
}

Deno.test("WORKER_LEASE says how long a claim holds", async () => {
  await using site = await agentSite("sqlite");
  await site.daemon("jobd start", { WORKER_LEASE: "1h" });
  const id = await enqueue(site, "gate ok");
  await begun(site, id, 1);
  using store = new DatabaseSync(`${site.folder}/jobd.db`, { readOnly: true });
  const [lease, ...others] = store.prepare("select expires_at from lease").all();
  assert.deepEqual(others, []);
  assert.ok(Number(lease?.["expires_at"]) > Date.now() + 1_800_000);
});
