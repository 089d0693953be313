import { type Clock, sleep } from "../../domain/clock.ts";
import { jsonAnswer } from "./headers.ts";

/** An answer that comes within this time is sent as any other, in milliseconds. */
const SOON_MS = 250;

/**
 * An answer that may be long in coming. While nothing is sent, nobody notices that the caller has gone; so after a moment the
 * answer is begun, and what it says follows when it is known. Once begun it cannot become a refusal: when it fails then, it is
 * cut off, which to the caller is a connection that broke.
 */
export async function lateAnswer(
  answer: Promise<unknown>,
  { clock, status, gone }: { clock: Clock; status: number; gone: AbortController },
): Promise<Response> {
  const soon = new AbortController();
  const settled = answer.then(() => true, () => true).finally(() => soon.abort());
  const early = await Promise.race([
    settled,
    sleep(clock, SOON_MS, soon.signal).then(() => soon.signal.aborted),
  ]);
  if (early) return jsonAnswer(await answer, status);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const text = JSON.stringify(await answer);
      if (gone.signal.aborted) return;
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
    cancel: () => gone.abort(),
  }, { highWaterMark: 0 });
  return new Response(body, {
    status,
    headers: {
      "content-type": "application/json",
      // Who compresses it would hold it back, and with it the news that the caller has gone.
      "cache-control": "no-store, no-transform",
    },
  });
}
