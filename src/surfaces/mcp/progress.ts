import type { ServerContext } from "@modelcontextprotocol/server";
import type { Clock } from "../../domain/clock.ts";

/** So often somebody who waits is told that the work goes on, in milliseconds. */
const EVERY_MS = 5_000;

/** Does work, and meanwhile tells whoever asked to be told that it goes on: clients give up on what seems dead. */
export async function withProgress<T>(
  { mcpReq }: ServerContext,
  clock: Clock,
  work: () => Promise<T>,
): Promise<T> {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return await work();
  const begin = clock.monotonic();
  let cancel: () => void;
  const again = (): void => {
    cancel = clock.after(EVERY_MS, () => {
      const progress = Math.round((clock.monotonic() - begin) / 1_000);
      const params = { progressToken, progress, message: `working for ${progress} s` };
      // Whoever cannot be told has gone: the work is told so by its signal.
      mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
      again();
    });
  };
  again();
  try {
    return await work();
  } finally {
    cancel!();
  }
}
