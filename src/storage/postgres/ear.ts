// @ts-types="@types/pg"
import type { Client } from "pg";
import { dropClient } from "./connections.ts";
import { type Message, readMessage } from "./notifier.ts";
import { sleep, type System } from "../../domain/clock.ts";

/** What {@linkcode Ear} needs. */
export interface EarOptions {
  /** Opens a session of our own, not one that a pooler shares. */
  connect(): Promise<Client>;
  /** Sends a message over another connection, so that it must come back through the server. */
  send(message: Message): Promise<unknown>;
  /** Names this listener in its probes. */
  id: string;
  /** The NOTIFY channel. */
  channel: string;
  /** The SQL expression of a worker's lock, with the worker as `$1`. */
  workerLock: string;
  /** Time and chance. */
  system: System;
  /** A message of another process arrived. */
  onMessage(message: Message): void;
  /** Messages arrive from now on; some may have been missed before. */
  onLive(): void;
}

/** A probe follows the last one after this time, */
const PROBE_EVERY_MS = 10_000;
/** and must come back within this time: a dead connection is noticed in 15 s. */
const PROBE_WITHIN_MS = 5_000;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 15_000;
/** How long somebody who begins to listen waits for the connection. */
const START_MS = 2_000;

/**
 * The one connection that LISTENs and that holds the liveness locks of this process's workers. It is opened when first
 * needed and reopened when it is lost. A connection counts as live only when a probe sent over another one has come
 * back: that also tells a session of our own from one that a pooler lends us, where a lock would outlive us.
 */
export class Ear {
  readonly #options: EarOptions;
  readonly #closing = new AbortController();
  readonly #workers = new Set<string>();
  #client: Client | null = null;
  #held = new Set<string>();
  #probe: { token: string; back: () => void } | null = null;
  #probes = 0;
  #live = false;
  #running: Promise<void> | null = null;
  #tried = Promise.withResolvers<void>();

  constructor(options: EarOptions) {
    this.#options = options;
  }

  /** Whether messages arrive at present. */
  get live(): boolean {
    return this.#live;
  }

  /** Begins to listen; waits a moment for the connection, not for ever. */
  async start(): Promise<void> {
    this.#running ??= this.#run();
    const waiting = new AbortController();
    const limit = sleep(
      this.#options.system,
      START_MS,
      AbortSignal.any([waiting.signal, this.#closing.signal]),
    );
    await Promise.race([this.#tried.promise, limit]);
    waiting.abort();
  }

  /** Holds the lock of a worker from now on, in each session. */
  async hold(worker: string): Promise<void> {
    this.#workers.add(worker);
    await this.start();
    await this.#takeLocks().catch(() => {});
  }

  /** Gives up the lock of a worker. */
  async release(worker: string): Promise<void> {
    this.#workers.delete(worker);
    if (!this.#held.delete(worker)) return;
    const text = `select pg_advisory_unlock(${this.#options.workerLock})`;
    await this.#client?.query(text, [worker]).catch(() => {});
  }

  /** Ends the connection, and with it the locks. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { system } = this.#options;
    const closing = this.#closing.signal;
    for (let failures = 0; !closing.aborted; failures++) {
      if (await this.#session()) failures = 0;
      this.#tried.resolve();
      const longest = Math.min(BACKOFF_MS * 2 ** failures, BACKOFF_MAX_MS);
      await sleep(system, longest * (0.5 + system.random() / 2), closing);
    }
  }

  /** One connection from its beginning to its end; gives whether it was live. */
  async #session(): Promise<boolean> {
    const lost = new AbortController();
    const over = AbortSignal.any([lost.signal, this.#closing.signal]);
    let wasLive = false;
    try {
      this.#client = await this.#options.connect();
      this.#listenTo(this.#client, () => lost.abort());
      await this.#client.query(`listen ${this.#options.channel}`);
      while (await this.#probed(over)) {
        const first = !this.#live;
        wasLive = this.#live = true;
        await this.#takeLocks();
        if (first) this.#options.onLive();
        this.#tried.resolve();
        await sleep(this.#options.system, PROBE_EVERY_MS, over);
      }
    } catch {
      // Whatever went wrong, the answer is a new connection.
    }
    await this.#hangUp();
    return wasLive;
  }

  #listenTo(client: Client, onLost: () => void): void {
    client.on("error", onLost);
    client.on("end", onLost);
    client.on("notification", ({ payload }) => {
      const message = readMessage(payload);
      if (message === null) return;
      if (message.probe === undefined) this.#options.onMessage(message);
      else if (message.probe === this.#probe?.token) this.#probe.back();
    });
  }

  /** Whether a message to ourselves comes back in time. */
  async #probed(over: AbortSignal): Promise<boolean> {
    if (over.aborted) return false;
    const { send, id, system } = this.#options;
    const token = `${id} ${++this.#probes}`;
    const back = new AbortController();
    let arrived = false;
    this.#probe = {
      token,
      back: () => {
        arrived = true;
        back.abort();
      },
    };
    const sent = send({ from: id, probe: token }).catch(() => back.abort());
    await sleep(system, PROBE_WITHIN_MS, AbortSignal.any([over, back.signal]));
    this.#probe = null;
    if (arrived) await sent;
    return arrived && !over.aborted;
  }

  /**
   * Takes the locks that are not held yet, in a session that is known to be our own. One that is not free is still held
   * by an earlier session of ours, which the server has not given up yet: that serves as well, until the next probe.
   */
  async #takeLocks(): Promise<void> {
    const client = this.#client;
    if (client === null || !this.#live) return;
    const held = this.#held;
    for (const worker of this.#workers) {
      if (held.has(worker)) continue;
      held.add(worker);
      const text = `select pg_try_advisory_lock(${this.#options.workerLock}) as mine`;
      const result = await client.query<{ mine: boolean }>(text, [worker]);
      if (result.rows[0]?.mine !== true) held.delete(worker);
    }
  }

  async #hangUp(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    this.#live = false;
    this.#held = new Set();
    if (client === null) return;
    // A peer that is gone does not answer the goodbye: after a moment the socket is dropped.
    const ended = new AbortController();
    client.end().catch(() => {}).finally(() => ended.abort());
    await sleep(this.#options.system, 1_000, ended.signal);
    if (!ended.signal.aborted) dropClient(client);
  }
}
