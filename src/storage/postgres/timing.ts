/** Time and chance, as this backend needs them; tests bring their own. */
export interface Timing {
  /** Calls `fn` once after `ms`; the returned function takes it back. */
  after(ms: number, fn: () => void): () => void;
  /** Milliseconds from a fixed point, for measuring. */
  monotonic(): number;
  /** A number in [0, 1). */
  random(): number;
}

/** Waits; ends early, without an error, when the signal is aborted. */
export function pause(timing: Timing, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = timing.after(ms, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Real time and chance, for programs that bring none of their own. */
export const realTiming: Timing = {
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  monotonic: () => performance.now(),
  random: () => Math.random(),
};
