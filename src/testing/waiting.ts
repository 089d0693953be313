import { MAX_DURATION_MS } from "../domain/duration.ts";
import type { RunContext } from "../runtime/handler.ts";

/**
 * Waits for the signal of an attempt and for nothing else, then throws its reason: what a handler does that hangs until it
 * is stopped. The clock of the context knows that it waits, so that a test need not find out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { defineJob } from "../mod.ts";
 * import { perform } from "./perform.ts";
 * import { untilStopped } from "./waiting.ts";
 *
 * const hang = defineJob({ type: "hang", timeout: "10m", run: (_, context) => untilStopped(context) });
 * const { error, tookMs } = await perform(hang, null);
 * assert.deepEqual([error?.code, tookMs], ["timeout", 600_000]);
 * ```
 */
export function untilStopped({ clock, signal }: Pick<RunContext, "clock" | "signal">): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = clock.after(MAX_DURATION_MS, () => {});
    const stop = (): void => {
      cancel();
      reject(signal.reason);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
