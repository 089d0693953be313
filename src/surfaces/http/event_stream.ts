import { type Clock, sleep } from "../../domain/clock.ts";
import type { StreamItem } from "../operations/operation.ts";
import { problemOf } from "./problem.ts";

/** So often something is sent, that neither side takes the other for gone, in milliseconds. */
const HEARTBEAT_MS = 15_000;
const TYPE = "text/event-stream";

/** Whether the caller asks for a stream of events. */
export function wantsStream(request: Request): boolean {
  return request.headers.get("accept")?.toLowerCase().includes(TYPE) ?? false;
}

/**
 * An answer that goes on until there is nothing more to come, the reader has gone or the server stops. The next item is
 * asked for when the reader has taken the one before, so a slow reader holds no more than one here.
 */
export function eventStream(
  items: AsyncIterable<StreamItem>,
  { clock, signal, gone }: { clock: Clock; signal: AbortSignal; gone: AbortController },
): Response {
  const frames = framesOf(items, clock, signal);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await frames.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      gone.abort();
      await frames.return(undefined);
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "content-type": TYPE, "cache-control": "no-store, no-transform" } });
}

async function* framesOf(
  items: AsyncIterable<StreamItem>,
  clock: Clock,
  ended: AbortSignal,
): AsyncGenerator<string> {
  const iterator = items[Symbol.asyncIterator]();
  yield ": jobd\n\n";
  try {
    let next = iterator.next();
    while (!ended.aborted) {
      const item = await orSilence(next, clock, ended);
      if (item === undefined) yield ": alive\n\n";
      else if (item.done) return;
      else {
        yield frame(item.value);
        next = iterator.next();
      }
    }
  } catch (error) {
    yield frame({ event: "problem", data: problemOf(error) });
  } finally {
    // It may be in the middle of waiting for what comes next, which it notices by its signal.
    void iterator.return?.().catch(() => {});
  }
}

/** What comes next; undefined when nothing comes for a while. */
async function orSilence<T>(next: Promise<T>, clock: Clock, ended: AbortSignal): Promise<T | undefined> {
  const stop = new AbortController();
  const silence = sleep(clock, HEARTBEAT_MS, AbortSignal.any([stop.signal, ended]));
  try {
    return await Promise.race([next, silence.then(() => undefined)]);
  } finally {
    stop.abort();
  }
}

function frame({ id, event, data }: StreamItem): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
