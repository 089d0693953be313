import assert from "node:assert/strict";
import { turn } from "../../src/domain/clock.ts";
import { Claimer, type ClaimerContext } from "../../src/storage/postgres/claimer.ts";
import type { Connections } from "../../src/storage/postgres/connections.ts";
import { schemaNames } from "../../src/storage/postgres/names.ts";
import type { QueueIds } from "../../src/storage/postgres/queue_ids.ts";
import { chance } from "../e2e/chance.ts";
import { ReadyModel } from "./ready_model.ts";

const HISTORIES = 150;
/** More than a claim that may not look has to wait until it may, in milliseconds. */
const LONG_MS = 60_000;

/** Tasks that stop at each step; one of those that wait goes on, by chance. */
class Interleaving {
  readonly #random: () => number;
  readonly #waiting: (() => void)[] = [];
  #tasks = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  readonly step = (): Promise<void> => new Promise((resolve) => void this.#waiting.push(resolve));

  async run(tasks: (() => Promise<void>)[]): Promise<void> {
    const all = Promise.all(tasks.map(async (task) => {
      this.#tasks++;
      await task().finally(() => this.#tasks--);
    }));
    while (this.#tasks > 0) {
      await turn();
      const [next] = this.#waiting.splice(Math.floor(this.#random() * this.#waiting.length), 1);
      next?.();
    }
    await all;
  }
}

/** Writers, claims of two processes, looks and hints in one order of all the possible ones. */
async function history(random: () => number): Promise<void> {
  const below = (limit: number): number => Math.floor(random() * limit);
  const order = new Interleaving(random);
  const ready = new ReadyModel(order.step, random);
  let now = 0;
  const queues = {
    learn: () => Promise.resolve(),
    nameOf: () => ({ namespace: "default", name: "q" }),
  } as Partial<QueueIds> as QueueIds;
  const context = (): ClaimerContext => ({
    connections: ready as Partial<Connections> as Connections,
    names: schemaNames("jobd"),
    queues,
    system: { now: () => now, monotonic: () => now, after: () => () => {}, random },
  });
  const claimers = [new Claimer(context(), "all"), new Claimer(context(), "all")];
  const anyone = (): Claimer => claimers[below(2)] as Claimer;
  const wanted: string[] = [];
  const got: string[] = [];
  const claim = async (claimer: Claimer): Promise<number> => {
    const worker = { worker: "w", namespace: "default", queues: "all", types: "all" } as const;
    const { jobs } = await claimer.claim({ ...worker, limit: 1 + below(4), now: 0, expiresAt: 1 });
    got.push(...jobs.map(({ id }) => id));
    return jobs.length;
  };
  let writing = 4;
  const write = async (): Promise<void> => {
    for (let n = 0; n < 8; n++) {
      const lanes = Array.from({ length: 1 + below(3) }, () => ({ queueId: 1 + below(2), rank: below(2) }));
      const places = await ready.insert(lanes, random() < 0.5);
      wanted.push(...places.map(({ seq }) => `job ${seq}`));
      if (random() < 0.2) await order.step();
      // A notification may be late, and may be lost.
      const hint = random();
      for (const place of places) for (const claimer of claimers) if (hint < 0.3) claimer.hint(place);
      if (hint > 0.9) anyone().suspect();
    }
    writing--;
  };
  const read = async (): Promise<void> => {
    while (writing > 0) {
      await claim(anyone());
      // Rarely so much that each empty claim may look.
      now += random() < 0.1 ? 5_000 : random() * 50;
      await order.step();
    }
  };
  await order.run([...Array.from({ length: writing }, () => write), read, read, read]);
  // One process must find what is left, the other may have ended.
  const last = anyone();
  const finish = async (): Promise<void> => {
    for (let empty = 0; empty < 4; empty++) {
      now += LONG_MS;
      if (await claim(last) > 0) empty = 0;
    }
  };
  await order.run([finish]);
  assert.deepEqual(got.toSorted(), wanted.toSorted(), JSON.stringify(ready.left()));
}

Deno.test("every job is claimed once, in whatever order commits, looks, claims and hints come", async () => {
  const seed = Deno.env.get("JOBD_SEED");
  const random = seed === undefined ? chance() : chance(Number(seed));
  for (let n = 0; n < HISTORIES; n++) await history(random);
});
