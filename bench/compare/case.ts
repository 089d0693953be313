import type { About } from "../harness/subject.ts";
import type { Figures, Task } from "../harness/task.ts";
import type { Place } from "../stores.ts";
import { administer } from "../../tests/support/postgres_server.ts";
import { Child } from "./child.ts";
import { type ContestantName, CONTESTANTS, programOf, type StoreKind } from "./contestants.ts";
import type { Nodes } from "./peers.ts";

/** What is measured: rows that are compared with each other, one after the other in each round. */
export interface Case {
  /** On the command line. */
  name: string;
  /** In tables and plots. */
  title: string;
  /** One or two sentences on what happens. */
  about: string;
  /** The figure that the plot shows, and the name of all figures with their units. */
  chart: string;
  units: Record<string, string>;
  /** Rows of which the table says how many times they are better than each other row. */
  ahead: string[];
  /** Rounds at most, for cases that take long. */
  rounds?: number;
  rows: Row[];
}

/** One line of a case. */
export interface Row {
  /** Within its case. */
  id: string;
  label: string;
  store: StoreKind;
  /** The row of which the table says what share this one reaches. */
  base?: string;
  measure(bench: Bench): Promise<Measured>;
}

/** What one measurement gave. */
export interface Measured {
  figures: Figures;
  /** Jobs a second over time, with what happened then. */
  series?: Point[];
}

/** Jobs a second in a window that ended `at` seconds after the start. */
export interface Point {
  at: number;
  rate: number;
  phase: string;
}

/** What all measurements share. */
export class Bench {
  /** What the measured programs said about themselves. */
  readonly versions = new Map<string, string>();
  readonly #places: Record<StoreKind, () => Promise<Place>>;
  readonly #nodes: () => Promise<Nodes>;

  /** With the stores and the Node of the peers, each asked for when it is needed. */
  constructor(
    options: {
      places: Record<StoreKind, () => Promise<Place>>;
      nodes: () => Promise<Nodes>;
      quick: boolean;
      long: boolean;
      serverLog: () => Promise<string>;
    },
  ) {
    this.#places = options.places;
    this.#nodes = options.nodes;
    this.quick = options.quick;
    this.long = options.long;
    this.serverLog = options.serverLog;
  }

  /** Only to see that everything works: a tenth of the jobs and seconds. */
  readonly quick: boolean;
  /** Transactions are held for as long as the goals say. */
  readonly long: boolean;
  /** What the PostgreSQL server wrote into its log. */
  readonly serverLog: () => Promise<string>;

  /** A number of jobs or samples, a tenth of it in a quick run. */
  size(full: number): number {
    return this.quick ? Math.ceil(full / 10) : full;
  }

  /** Seconds, likewise. */
  seconds(full: number): number {
    return this.quick ? Math.max(1, Math.ceil(full / 10)) : full;
  }

  /** A store that nobody has used. */
  async fresh(kind: StoreKind): Promise<{ url: string } & AsyncDisposable> {
    return await (await this.#places[kind]()).fresh();
  }

  /** A process that will do this, ready to go. */
  async start(name: ContestantName, task: Task): Promise<Child> {
    const contestant = CONTESTANTS[name];
    const child = new Child(await programOf(contestant, this.#nodes), {
      ...task,
      options: { ...contestant.options, ...task.options },
    });
    try {
      this.#remember(await child.ready());
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
    return child;
  }

  /** Starts, lets it go, and waits for the figures. */
  async run(name: ContestantName, task: Task): Promise<Figures> {
    await using child = await this.start(name, task);
    // What filling left to write must not be written while the clock runs.
    if (task.url.startsWith("postgres:")) await administer(task.url, "checkpoint");
    await child.go();
    return await child.done();
  }

  #remember({ name, version }: About): void {
    if (version !== "") this.versions.set(name, version);
  }
}

/** A row in which one process does one thing on a fresh store. */
export function simpleRow(
  name: ContestantName,
  task: (bench: Bench) => Omit<Task, "url" | "options"> & Partial<Pick<Task, "options">>,
): Row {
  const { label, store } = CONTESTANTS[name];
  return {
    id: name,
    label,
    store,
    async measure(bench) {
      await using place = await bench.fresh(store);
      return { figures: await bench.run(name, { options: {}, ...task(bench), url: place.url }) };
    },
  };
}
