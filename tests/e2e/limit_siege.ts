import assert from "node:assert/strict";
import type { Execution } from "../../src/mod.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { chance, pass } from "./chance.ts";
import { byJob } from "./effects.ts";
import { type Backend, type Daemon, Fleet, freeze, until } from "./fleet.ts";
import {
  checkConcurrency,
  checkRate,
  KINDS,
  mostAt,
  peaks,
  SCOPES,
  scopesOf,
  setLimits,
  type Span,
  spansOf,
} from "./limit_rules.ts";
import { type Kind, LimitWatch } from "./limit_watch.ts";

const LEASE_MS = 3_000;
/** Longer than anything that only slows jobs down: the end of a lease, or half a minute until those who wait look again. */
const STUCK_MS = 90_000;
const OPTIONS = { concurrency: 6, leaseMs: LEASE_MS };

/** A daemon and the network between it and the store, if there is one. */
interface Node {
  daemon: Daemon;
  proxy: TcpProxy | undefined;
}

/** What may happen to a daemon; all but a kill last longer than its lease. */
const FAULTS = {
  async kill(siege: Siege, node: Node) {
    node.daemon.kill("SIGKILL");
    await node.daemon.ended;
    node.daemon = await siege.startDaemon(node.proxy);
  },
  async freeze(siege: Siege, { daemon, proxy }: Node) {
    // SQLite has one lock for all who write, and nobody to take it from a process that is frozen with it.
    if (proxy === undefined) await freeze(siege.fleet.jobd, daemon);
    else daemon.kill("SIGSTOP");
    await siege.outlastLease();
    daemon.kill("SIGCONT");
  },
  async "cut off silently"(siege: Siege, { proxy }: Node) {
    proxy?.stall();
    await siege.outlastLease();
    proxy?.resume();
  },
  async refuse(siege: Siege, { proxy }: Node) {
    proxy?.refuse();
    proxy?.cut();
    await siege.outlastLease();
    proxy?.refuse(false);
  },
};
type Fault = keyof typeof FAULTS;

/** Faults of a short siege, by backend: an embedded store has no network. */
export const SHORT: Readonly<Record<Backend, readonly Fault[]>> = {
  sqlite: ["kill", "freeze", "kill", "freeze", "kill"],
  postgres: ["kill", "freeze", "kill", "cut off silently", "refuse"],
};

/** Daemons at work on limited jobs while one of them after the other is killed, frozen or cut off. */
export class Siege implements AsyncDisposable {
  readonly fleet: Fleet;
  readonly #random: () => number;
  readonly #watch: LimitWatch;
  readonly #nodes: Node[] = [];
  readonly #stack: AsyncDisposableStack;
  readonly #kinds = new Map<string, Kind>();

  private constructor(options: { fleet: Fleet; watch: LimitWatch; stack: AsyncDisposableStack }) {
    this.fleet = options.fleet;
    this.#watch = options.watch;
    this.#stack = options.stack;
    this.#random = chance();
  }

  /** A store with limits, and daemons on it. */
  static async of(backend: Backend, daemons: number): Promise<Siege> {
    const stack = new AsyncDisposableStack();
    const fleet = stack.use(await Fleet.of(backend));
    await setLimits(fleet.jobd);
    const siege = new Siege({ fleet, watch: stack.use(await LimitWatch.of(backend, fleet.url)), stack });
    for (let count = 0; count < daemons; count++) {
      const proxy = backend === "postgres" ? new TcpProxy(fleet.url) : undefined;
      if (proxy !== undefined) stack.use(proxy);
      siege.#nodes.push({ daemon: await siege.startDaemon(proxy), proxy });
    }
    return siege;
  }

  /** A daemon that reaches the store through the proxy, if there is one. */
  startDaemon(proxy: TcpProxy | undefined): Promise<Daemon> {
    const reach = proxy === undefined ? {} : { url: proxy.through(this.fleet.url), deadlineMs: 2_000 };
    return this.fleet.start(OPTIONS, reach);
  }

  /** Lets longer pass than a lease lasts. */
  outlastLease(): Promise<void> {
    return pass(LEASE_MS * (1.1 + this.#random() / 2));
  }

  /** Brings new jobs, and lets something go wrong. */
  async round(fault: Fault, jobs: number): Promise<void> {
    await this.#enqueue(jobs);
    await pass(this.#random() * 300);
    const node = this.#nodes[Math.floor(this.#random() * this.#nodes.length)] as Node;
    await FAULTS[fault](this, node);
  }

  /** All of them in a random order, so often. */
  async rounds(faults: readonly Fault[], { times, jobs }: { times: number; jobs: number }): Promise<void> {
    for (let time = 0; time < times; time++) {
      for (const fault of this.#shuffled(faults)) await this.round(fault, jobs);
    }
  }

  /** Waits for the end of all jobs and checks what happened. */
  async check(): Promise<void> {
    const ids = [...this.#kinds.keys()];
    await this.#drained(ids);
    const executions: Execution[] = [];
    let lost = 0;
    for (const id of ids) {
      const { failures } = await this.fleet.jobd.jobs.get(id);
      const own = await this.fleet.jobd.jobs.executions(id);
      // Whoever waits at a limit was claimed for it, but no attempt was made.
      const expected = [...Array(failures).fill("lost"), "completed"];
      assert.deepEqual(own.map(({ outcome }) => outcome), expected, id);
      executions.push(...own);
      lost += failures;
    }
    assert.ok(lost > 0, "no fault met a running job");
    const effects = await this.fleet.effects();
    const spans = spansOf(effects, { kinds: this.#kinds, executions, halts: this.fleet.halts });
    checkConcurrency(spans, this.#watch.samples, effects);
    checkRate(spans);
    this.#checkUse(spans);
  }

  /** After all of it each limit lets as many run as before, no fewer: nothing that died has kept its place. */
  async checkCapacity(): Promise<void> {
    for (const scope of SCOPES) {
      const kind = KINDS.find((one) => scopesOf(one).join() === scope) ??
        KINDS.find((one) => scopesOf(one).includes(scope));
      assert.ok(kind);
      const most = mostAt(scope);
      const ids = await this.#add(Array.from({ length: most + 2 }, () => kind), 600_000);
      await until(`${most} run at ${JSON.stringify(scope)}`, async () => {
        const effects = await this.fleet.effects();
        return ids.filter((id) => byJob(effects, "start").has(id)).length === most;
      });
      await until("the others wait", async () => {
        const jobs = await Promise.all(ids.map((id) => this.fleet.jobd.jobs.get(id)));
        return jobs.filter(({ state }) => state === "blocked").length === ids.length - most;
      });
      await this.fleet.jobd.jobs.cancel(ids);
      await this.fleet.drained(ids);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** However long it takes on a slow machine, as long as it goes on. */
  async #drained(ids: string[]): Promise<void> {
    const open = new Set(ids);
    let movedAt = performance.now();
    while (open.size > 0) {
      const jobs = await Promise.all([...open].slice(0, 50).map((id) => this.fleet.jobd.jobs.get(id)));
      const ended = jobs.filter(({ finishedAt }) => finishedAt !== null);
      for (const { id, state } of ended) {
        assert.equal(state, "completed", id);
        open.delete(id);
      }
      if (ended.length > 0) movedAt = performance.now();
      const waiting = jobs.map(({ id, state, attempt }) => [this.#kinds.get(id), state, attempt]);
      assert.ok(
        performance.now() - movedAt < STUCK_MS,
        `${open.size} jobs do not end: ${JSON.stringify(waiting)}`,
      );
      await pass(50);
    }
  }

  /** Where nothing ever waits no limit is tested. */
  #checkUse(spans: Span[]): void {
    for (const [scope, peak] of peaks(spans)) {
      assert.equal(peak, mostAt(scope), `the limit was never reached at ${JSON.stringify(scope)}`);
    }
    assert.ok(this.#watch.samples.some(({ holds }) => Object.keys(holds).length > 0), "nobody looked");
  }

  async #enqueue(count: number): Promise<void> {
    const kinds = Array.from(
      { length: count },
      () => KINDS[Math.floor(this.#random() * KINDS.length)] as Kind,
    );
    const ids = await this.#add(kinds, 200);
    for (const [at, id] of ids.entries()) this.#kinds.set(id, kinds[at] as Kind);
  }

  async #add(kinds: Kind[], ms: number): Promise<string[]> {
    const requests = kinds.map(({ queue, type, key }) => ({
      type,
      queue,
      payload: { ms: ms > 1_000 ? ms : Math.floor(this.#random() * ms) },
      maxAttempts: 100,
      ...(key === null ? {} : { limitKey: key }),
    }));
    return (await this.fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
  }

  #shuffled<T>(list: readonly T[]): T[] {
    return list.map((item) => ({ item, at: this.#random() })).sort((a, b) => a.at - b.at).map(({ item }) =>
      item
    );
  }
}
