import type { System } from "../domain/clock.ts";

/** The longest delay that JavaScript timers keep; longer ones fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Real time and chance: the only place where they enter. */
export const system: System = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
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
