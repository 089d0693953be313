/** What the SQLite driver needs of its surroundings; tests and the runtime may bring their own. */
export interface System {
  /** Wall time of this machine, epoch milliseconds. */
  now(): number;
  /** A number in [0, 1), to spread retries of several processes. */
  random(): number;
  /** Calls `fn` once after `ms`; the returned function takes it back. */
  after(ms: number, fn: () => void): () => void;
}

/** The real surroundings: the only place of this backend where time and chance come from. */
export const REAL_SYSTEM: System = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};
