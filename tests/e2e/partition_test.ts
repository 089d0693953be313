import assert from "node:assert/strict";
import { Jobd } from "../../src/mod.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { pass } from "./chance.ts";
import { byJob } from "./effects.ts";
import { Fleet, until } from "./fleet.ts";

const text = new TextDecoder("latin1");
const has = (chunk: Uint8Array, words: string): boolean => text.decode(chunk).includes(words);

/** Cuts the connection in place of passing the server's reply to the next statement of that name on. */
function loseReply(proxy: TcpProxy, statement: string): Promise<void> {
  let asked: object | undefined;
  return proxy.cutWhen((chunk, from, connection) => {
    if (from === "client" && has(chunk, statement)) asked = connection;
    return from === "server" && connection === asked;
  });
}

const canaries = (count: number, payload: Record<string, unknown>, more = {}) =>
  Array.from({ length: count }, () => ({ type: "canary", payload, ...more }));

/** Two ways to lose the store: no packet gets through, or the server sees the connections end and takes their locks away. */
const CUTS = {
  "is cut off silently": {
    cut: (proxy: TcpProxy) => proxy.stall(),
    heal: (proxy: TcpProxy) => proxy.resume(),
  },
  "is refused": {
    cut(proxy: TcpProxy) {
      proxy.refuse();
      proxy.cut();
    },
    heal: (proxy: TcpProxy) => proxy.refuse(false),
  },
};

for (const [how, { cut, heal }] of Object.entries(CUTS)) {
  Deno.test(`a daemon that ${how} for longer than its lease stops its jobs before others start them`, async () => {
    await using fleet = await Fleet.of("postgres");
    await using proxy = new TcpProxy(fleet.url);
    const options = { concurrency: 8, leaseMs: 4_000 };
    const away = await fleet.start({ ...options, queues: ["first"] }, {
      url: proxy.through(fleet.url),
      deadlineMs: 1_000,
    });
    // Some end while nobody can be told, some are stopped.
    const more = { queue: "first", backoff: { base: 1, max: 1 } };
    const requests = [
      ...canaries(4, { ms: 1_500 }, more),
      ...canaries(4, { ms: 60_000, slowUntil: 1 }, more),
    ];
    const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
    await until("all run", async () => byJob(await fleet.effects(), "start").size === ids.length);
    cut(proxy);
    const taker = await fleet.start(options);
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    const effects = await fleet.effects();
    for (const id of ids) {
      const of = (event: string) => effects.filter((effect) => effect.job === id && effect.event === event);
      assert.deepEqual(of("start").map(({ attempt, pid }) => [attempt, pid]), [[1, away.pid], [
        2,
        taker.pid,
      ]]);
      const over = [...of("stopped"), ...of("end")].some(({ attempt }) => attempt === 1);
      assert.ok(over, `attempt 1 of ${id} still runs`);
    }
    // What it had sent may be held back until now; it is late.
    heal(proxy);
    await fleet.check(ids);
    taker.kill("SIGTERM");
    await taker.ended;
    const after = (await fleet.jobd.enqueueMany(canaries(10, {}, { queue: "first" }))).map(({ id }) => id);
    await fleet.drained(after);
    await fleet.check([...ids, ...after]);
    for (const id of ids) {
      const job = await fleet.jobd.jobs.get(id);
      assert.deepEqual([job.attempt, job.failures, job.result], [2, 1, { attempt: 2 }]);
    }
  });
}

Deno.test("a lone daemon cut off for longer than its lease runs its jobs again afterwards", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  await fleet.start({ concurrency: 4, leaseMs: 1_500 }, {
    url: proxy.through(fleet.url),
    deadlineMs: 500,
  });
  const ids = (await fleet.jobd.enqueueMany(canaries(4, { ms: 60_000, slowUntil: 1 }))).map(({ id }) => id);
  await until("all run", async () => byJob(await fleet.effects(), "start").size === ids.length);
  proxy.refuse();
  proxy.cut();
  await until("all are stopped", async () => byJob(await fleet.effects(), "stopped").size === ids.length);
  proxy.refuse(false);
  const states = await fleet.drained(ids);
  assert.deepEqual([...new Set(states.values())], ["completed"]);
  await fleet.check(ids);
});

Deno.test("a daemon that is cut off stops when it is told to, and its jobs run elsewhere", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  const away = await fleet.start({ concurrency: 4, shutdownTimeoutMs: 100 }, {
    url: proxy.through(fleet.url),
    deadlineMs: 500,
  });
  const ids = (await fleet.jobd.enqueueMany(canaries(4, { ms: 60_000, slowUntil: 1 }))).map(({ id }) => id);
  await until("all run", async () => byJob(await fleet.effects(), "start").size === ids.length);
  proxy.stall();
  away.kill("SIGTERM");
  assert.equal((await away.ended).code, 0);
  await fleet.start({ concurrency: 4 });
  const states = await fleet.drained(ids);
  assert.deepEqual([...new Set(states.values())], ["completed"]);
  await fleet.check(ids);
});

Deno.test("an enqueue whose answer was lost and that is repeated gives exactly one job", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  await using client = await Jobd.open(proxy.through(fleet.url));
  await fleet.start({ concurrency: 4 });
  const ids: string[] = [];
  for (let round = 0; round < 20; round++) {
    const request = { id: crypto.randomUUID(), type: "canary", payload: { round } };
    const lost = loseReply(proxy, "jobd_insert");
    await assert.rejects(client.enqueue(request), { code: "store_unavailable" });
    await lost;
    const again = await client.enqueue(request);
    assert.deepEqual([again.id, again.outcome], [request.id, "existing"]);
    ids.push(request.id);
  }
  await fleet.drained(ids);
  await fleet.check(ids);
  assert.equal(byJob(await fleet.effects(), "start").size, ids.length);
  assert.ok(byJob(await fleet.effects(), "start").values().every((starts) => starts.length === 1));
});

for (const lost of ["request", "reply"] as const) {
  Deno.test(`the ${lost} of a settle is lost at concurrency 1: the end is written again, the queue goes on`, async () => {
    await using fleet = await Fleet.of("postgres");
    await using proxy = new TcpProxy(fleet.url);
    await fleet.start({ concurrency: 1 }, { url: proxy.through(fleet.url) });
    let cuts = 0;
    const nextCut = (): Promise<void> =>
      lost === "reply"
        ? loseReply(proxy, "jobd_settle")
        : proxy.cutWhen((chunk, from) => from === "client" && has(chunk, "jobd_settle"));
    for (let round = 0; round < 5; round++) {
      const cut = nextCut();
      const ids = (await fleet.jobd.enqueueMany(canaries(3, {}))).map(({ id }) => id);
      await cut;
      cuts++;
      const states = await fleet.drained(ids);
      assert.deepEqual([...new Set(states.values())], ["completed"]);
      await fleet.check(ids);
      for (const id of ids) {
        const job = await fleet.jobd.jobs.get(id);
        assert.deepEqual([job.attempt, job.failures], [1, 0]);
      }
    }
    assert.equal(cuts, 5);
  });
}

Deno.test("jobs of a claim whose answer was lost run again although their daemon lives and is busy", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  await fleet.start({ concurrency: 3, leaseMs: 1_500 }, { url: proxy.through(fleet.url) });
  const busy = await fleet.jobd.enqueue({ type: "canary", payload: { ms: 6_000 } });
  await until("it is busy", async () => byJob(await fleet.effects(), "start").has(busy.id));
  const cut = proxy.cutWhen((chunk, from) => from === "server" && has(chunk, "never-arrives"));
  const { id } = await fleet.jobd.enqueue({ type: "canary", payload: { note: "never-arrives" } });
  await cut;
  await fleet.drained([id, busy.id]);
  await fleet.check([id, busy.id]);
  const job = await fleet.jobd.jobs.get(id);
  assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 2, 1]);
  assert.deepEqual(byJob(await fleet.effects(), "start").get(id)?.map(({ attempt }) => attempt), [2]);
  assert.equal((await fleet.jobd.jobs.get(busy.id)).attempt, 1);
});

Deno.test("connections that fall silent under load cost a deadline, not the queue", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  await fleet.start({ concurrency: 5, leaseMs: 4_000 }, { url: proxy.through(fleet.url), deadlineMs: 300 });
  const ids: string[] = [];
  for (let round = 0; round < 5; round++) {
    const jobs = canaries(15, { ms: 30 }, { maxAttempts: 20 });
    ids.push(...(await fleet.jobd.enqueueMany(jobs)).map(({ id }) => id));
    await pass(150);
    proxy.dropSilently();
  }
  const states = await fleet.drained(ids);
  assert.deepEqual([...new Set(states.values())], ["completed"]);
  await fleet.check(ids);
});
