/** Time for everything above the store, so that tests can own it. */
export interface Clock {
  /** Wall time of this machine, epoch milliseconds. Only {@linkcode StoreTime} should need it. */
  now(): number;
  /** Milliseconds from a fixed point; never goes backwards. For measuring and for leases. */
  monotonic(): number;
  /** Calls `fn` once after `ms`; the returned function takes it back. Long waits are fine. */
  after(ms: number, fn: () => void): () => void;
}

/** The longest delay that JavaScript timers keep; longer ones fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Real time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    let timer: ReturnType<typeof setTimeout>;
    const arm = (rest: number): void => {
      const step = Math.min(Math.max(rest, 0), MAX_TIMER_MS);
      timer = setTimeout(() => rest > step ? arm(rest - step) : fn(), step);
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/** Waits; ends early, without an error, when the signal is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
