/** Time, as an argument: tests bring their own. */
export interface Clock {
  /** Wall time of this machine, epoch milliseconds. */
  now(): number;
  /** Milliseconds from a fixed point; never goes backwards. For measuring and for leases. */
  monotonic(): number;
  /** Calls `fn` once after `ms`; the returned function takes it back. Long waits are fine. */
  after(ms: number, fn: () => void): () => void;
}

/** Time and chance together. */
export interface System extends Clock {
  /** A number in [0, 1). */
  random(): number;
}

/** Waits so many milliseconds on the clock; ends early, without an error, when the signal is aborted. */
export function sleep(clock: Pick<Clock, "after">, ms: number, signal?: AbortSignal): Promise<void> {
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

/** Lets everything that is due at this moment run first. Not a matter of time: nothing is waited for. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
