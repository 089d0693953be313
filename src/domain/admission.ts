import type { Gate } from "./limit.ts";

/** How a gate stands. */
export interface GateState {
  /** Which. */
  scope: string;
  /** Jobs that have passed it and still run. */
  running: number;
  /** Whether jobs wait at it. */
  parked: boolean;
  /** What is left of its rate, and when that was so; null when no rate has been needed yet. */
  tokens: number | null;
  /** When {@linkcode tokens} were counted. */
  filledAt: number | null;
  /** Until when it is shut because somebody was told to slow down. */
  coolUntil: number | null;
  /** From when on those who wait should be tried again; null for never by itself. */
  openAt: number | null;
  /** The turn of the last one that passed after it had waited. */
  turn: number;
  /** From when on it is as if nothing had ever happened at it, unless somebody waits there. */
  idleAt: number;
  /** Whether it was found out by looking that jobs had ended which had passed it: nobody else will say so. */
  freed?: boolean;
}

/** A gate at which nothing has happened. */
export function freshGate(scope: string): GateState {
  return {
    scope,
    running: 0,
    parked: false,
    tokens: null,
    filledAt: null,
    coolUntil: null,
    openAt: null,
    turn: 0,
    idleAt: 0,
  };
}

/** The gate lets nobody pass before then; a time that is shorter than the one before changes nothing. */
export function cooled(state: GateState, until: number): GateState {
  const coolUntil = Math.max(until, state.coolUntil ?? until);
  return { ...state, coolUntil, openAt: coolUntil, idleAt: Math.max(coolUntil, state.idleAt) };
}

/** Whether a job may start; else at which gate it waits, and from when on it may be tried again. */
export type Verdict = { granted: true } | { granted: false; scope: string; openAt: number | null };

/**
 * Whoever waits for others to end is tried again after this time, in milliseconds, though nobody said that one had ended:
 * a process may die between an end and saying so.
 */
export const RECHECK_MS = 30_000;

/** Decides at one moment which jobs pass their gates, and keeps account of it. */
export class Admission {
  readonly #now: number;
  readonly #states: Map<string, GateState>;
  readonly #changed = new Set<GateState>();

  constructor(states: Iterable<GateState>, now: number) {
    this.#states = new Map([...states].map((state) => [state.scope, state]));
    this.#now = now;
    // Whoever looks at a gate for the sake of a job that waits elsewhere does not try those who wait there.
    for (const { scope, parked, freed } of this.#states.values()) {
      if (freed === true && parked) this.setOpenAt(scope, now);
    }
  }

  /** The states that differ from those given. */
  get changed(): GateState[] {
    return [...this.#changed];
  }

  /** How a gate stands. */
  state(scope: string): GateState {
    let state = this.#states.get(scope);
    if (state === undefined) {
      state = freshGate(scope);
      this.#states.set(scope, state);
    }
    return state;
  }

  /** Lets a job pass all of its gates, or none. One that comes anew waits behind those who wait already. */
  pass(gates: Gate[], { weight = 1, waited = false }: { weight?: number; waited?: boolean } = {}): Verdict {
    for (const { scope, limit } of gates) {
      const state = this.state(scope);
      const openAt = this.#shut(state, limit, weight);
      if (openAt !== undefined) return { granted: false, scope, openAt };
      if (state.parked && !waited) return { granted: false, scope, openAt: this.#now };
    }
    for (const gate of gates) this.#take(gate, weight);
    return { granted: true };
  }

  /** A job waits at a gate from now on. */
  park(scope: string, openAt: number | null): void {
    const state = this.state(scope);
    state.parked = true;
    if (openAt !== null) state.openAt = Math.min(openAt, state.openAt ?? openAt);
    this.#changed.add(state);
  }

  /** A job that waited at a gate starts. */
  started(scope: string, turn: number): void {
    const state = this.state(scope);
    state.turn = Math.max(state.turn, turn);
    this.#changed.add(state);
  }

  /** Says from when on those who wait at a gate should be tried again. */
  setOpenAt(scope: string, openAt: number | null): void {
    const state = this.state(scope);
    state.openAt = openAt;
    this.#changed.add(state);
  }

  /** From when on it may be tried again, when the gate lets nobody pass now. */
  #shut(state: GateState, { settings, pausedAt }: Gate["limit"], weight: number): number | null | undefined {
    if (pausedAt !== null) return null;
    if (state.coolUntil !== null && state.coolUntil > this.#now) return state.coolUntil;
    const { concurrency, rate } = settings;
    if (concurrency !== undefined && state.running >= concurrency) return this.#now + RECHECK_MS;
    if (rate === undefined) return undefined;
    const missing = Math.min(weight, rate.burst) - tokensAt(state, rate, this.#now);
    return missing <= 0 ? undefined : this.#now + Math.ceil(missing * rate.perMs / rate.limit);
  }

  #take({ scope, limit: { settings: { concurrency, rate } } }: Gate, weight: number): void {
    const state = this.state(scope);
    if (concurrency !== undefined) state.running++;
    if (rate === undefined) return;
    state.tokens = tokensAt(state, rate, this.#now) - Math.min(weight, rate.burst);
    // Never backwards: who was held up on its way here, or whose clock is behind, would let the same time count twice.
    state.filledAt = Math.max(this.#now, state.filledAt ?? this.#now);
    const full = Math.ceil((rate.burst - state.tokens) * rate.perMs / rate.limit);
    state.idleAt = Math.max(state.idleAt, state.filledAt + full);
    this.#changed.add(state);
  }
}

/** A token bucket: full after a quiet time, and refilled evenly (https://en.wikipedia.org/wiki/Token_bucket). */
function tokensAt(
  { tokens, filledAt }: GateState,
  { limit, perMs, burst }: { limit: number; perMs: number; burst: number },
  now: number,
): number {
  if (tokens === null || filledAt === null) return burst;
  return Math.min(burst, tokens + Math.max(0, now - filledAt) * limit / perMs);
}

/**
 * The turn of a job that begins to wait: each key has every so-many-th turn, however many jobs it brings (start-time fair
 * queueing: https://en.wikipedia.org/wiki/Fair_queuing).
 *
 * @param current the turn of the last one that passed
 * @param last the latest turn that a waiting job of the same key has
 */
export function nextTurn(current: number, last: number | undefined): number {
  return Math.max(current, last ?? 0) + 1;
}

/** Gates that one claim tries: some more than it wants jobs, since not every gate has one for it. */
export function gatesTried(limit: number): number {
  return Math.min(50, 4 + limit);
}
