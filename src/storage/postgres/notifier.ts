import type { Place } from "./place.ts";
import { sleep, type System } from "../../domain/clock.ts";
import type { RunWithin } from "../transaction.ts";

/** What processes tell each other: hints, nothing that must arrive. */
export interface Message {
  /** The driver that sends it; it does not listen to itself. */
  from: string;
  /** Jobs became available: the lowest place of each lane. */
  lanes?: [queueId: number, rank: number, seq: number][];
  /** Anything may have changed. */
  any?: true;
  /** A schedule changed. */
  scheduled?: true;
  /** A handler waits, and for how long. */
  parked?: true;
  /** A cancellation was requested. */
  cancel?: true;
  /** Jobs ended that others may wait for. */
  ended?: true;
  /** Events were stored. */
  event?: true;
  /** The sender wants to know whether messages arrive. */
  probe?: string;
}

/** What one process tells another without saying where. */
export type Ring = "any" | "scheduled" | "parked" | "cancel" | "ended" | "event";

/** Options of {@linkcode Notifier}. */
export interface NotifierOptions {
  /** The driver that sends. */
  from: string;
  /** Sends a message. */
  send(message: Message): Promise<unknown>;
  /** Time. */
  system: System;
  /** Whether nothing is sent at all. */
  silent: boolean;
}

/** One message in this time at most. */
const GAP_MS = 10;
/** One transaction of a caller in this time tells at most. */
const WITHIN_GAP_MS = 50;
/** Lanes in one message at most; PostgreSQL allows 8000 bytes. */
const LANES_MAX = 120;

/**
 * Tells other processes that something happened, after it was committed: NOTIFY inside the transactions themselves would
 * make their commits wait for each other. While one message is under way, the next ones gather.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #closing = new AbortController();
  #lanes = new Map<string, Place>();
  #withinAt = -Infinity;
  #flags: Omit<Message, "from" | "lanes"> = {};
  #busy: Promise<void> | null = null;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Jobs became available. */
  available(places: Place[]): void {
    if (this.#options.silent) return;
    for (const place of places) {
      const key = `${place.queueId} ${place.rank}`;
      const known = this.#lanes.get(key);
      if (known === undefined || place.seq < known.seq) this.#lanes.set(key, place);
    }
    this.#start();
  }

  /**
   * The same within a transaction of a caller, which tells it when it commits. Such commits wait for each other, so only one
   * in a while tells; the others are found by polling.
   */
  async within(
    run: RunWithin,
    channel: string,
    what: { places: Place[]; scheduled: boolean; available: boolean; cancel: boolean },
  ): Promise<void> {
    const { system, silent } = this.#options;
    const { places, scheduled, available, cancel } = what;
    const now = system.monotonic();
    const nothing = places.length === 0 && !scheduled && !available && !cancel;
    if (silent || nothing || now - this.#withinAt < WITHIN_GAP_MS) return;
    this.#withinAt = now;
    const lanes = places.slice(0, LANES_MAX).map(({ queueId, rank, seq }) => [queueId, rank, seq]);
    const message = {
      from: "a transaction",
      lanes,
      ...(scheduled ? { scheduled } : {}),
      ...(available ? { any: true } : {}),
      ...(cancel ? { cancel } : {}),
    };
    await run("select pg_notify($1::text, $2::text)", [channel, JSON.stringify(message)]);
  }

  /** Something else happened. */
  tell(what: Ring): void {
    if (this.#options.silent) return;
    this.#flags[what] = true;
    this.#start();
  }

  /** Sends what is left, without waiting in between. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#busy;
  }

  #start(): void {
    this.#busy ??= this.#work().finally(() => this.#busy = null);
  }

  async #work(): Promise<void> {
    for (let message = this.#gathered(); message !== null; message = this.#gathered()) {
      // A message that cannot be sent is not missed: everybody looks for work without it.
      await this.#options.send(message).catch(() => {});
      await sleep(this.#options.system, GAP_MS, this.#closing.signal);
    }
  }

  #gathered(): Message | null {
    const { from } = this.#options;
    const lanes = [...this.#lanes.values()];
    const flags = this.#flags;
    if (lanes.length === 0 && Object.keys(flags).length === 0) return null;
    this.#lanes = new Map();
    this.#flags = {};
    if (lanes.length > LANES_MAX) return { from, ...flags, any: true };
    const list = lanes.map(({ queueId, rank, seq }): [number, number, number] => [queueId, rank, seq]);
    return { from, ...flags, ...(list.length === 0 ? {} : { lanes: list }) };
  }
}

/** Reads a message; null for one that some other program sent. */
export function readMessage(payload: string | undefined): Message | null {
  try {
    const message: unknown = JSON.parse(payload ?? "");
    const own = typeof message === "object" && message !== null &&
      typeof (message as Message).from === "string";
    return own ? message as Message : null;
  } catch {
    return null;
  }
}
