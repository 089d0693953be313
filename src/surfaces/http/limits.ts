import { Refusal } from "./problem.ts";

/** The longest address of a request, in characters. */
export const URL_MAX = 8 * 1024;
/** Requests that are answered at the same time at most, streams and those who wait among them. */
export const REQUESTS_MAX = 2_000;

/**
 * Headers are bounded by Deno's server (128, and 64 KiB with the address): to count them here again would cost a tenth of
 * what a whole request does.
 *
 * @throws {Refusal} `uri_too_long`
 */
export function checkSize({ url }: Request): void {
  if (url.length <= URL_MAX) return;
  throw new Refusal("uri_too_long", `The address of the request is longer than ${URL_MAX} characters`, {
    hint: "POST /jobs/actions takes many ids in its body.",
  });
}

/** Counts the requests that are under way. */
export class Crowd {
  #inside = 0;

  /** Lets a request in, until its answer is over. @throws {Refusal} `overloaded` */
  async answer(work: () => Promise<Response>): Promise<Response> {
    if (this.#inside >= REQUESTS_MAX) {
      throw new Refusal("overloaded", `${REQUESTS_MAX} requests are being answered already`, {
        hint: "Try again in a moment.",
      });
    }
    this.#inside++;
    let leave = (): void => {
      leave = () => {};
      this.#inside--;
    };
    try {
      const response = await work();
      if (response.body === null || !isStream(response)) {
        leave();
        return response;
      }
      return new Response(watched(response.body, () => leave()), response);
    } catch (error) {
      leave();
      throw error;
    }
  }
}

/** Other answers are there as a whole: the server sends them by itself. */
function isStream({ headers }: Response): boolean {
  return headers.get("content-type") === "text/event-stream";
}

/** The same stream; says when it has ended or nobody reads it any more. */
function watched(body: ReadableStream<Uint8Array>, over: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        over();
        controller.close();
      } catch (error) {
        over();
        throw error;
      }
    },
    async cancel(reason) {
      over();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
