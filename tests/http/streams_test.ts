import assert from "node:assert/strict";
import { Jobd } from "../../src/runtime/jobd.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { system } from "../../src/storage/system.ts";
import { type Server, startServer } from "../../src/surfaces/http/server.ts";

/** A server that really listens, with a caller. */
class Listening implements AsyncDisposable {
  readonly jobd: Jobd;
  readonly server: Server;
  readonly #secret: string;

  private constructor(jobd: Jobd, server: Server, secret: string) {
    this.jobd = jobd;
    this.server = server;
    this.#secret = secret;
  }

  static async start(): Promise<Listening> {
    const jobd = await Jobd.open(new MemoryDriver());
    const { secret } = await jobd.tokens.create("test", { role: "admin" });
    const rest = { version: "0", clock: system, log: silentLogger, hosts: [] };
    return new Listening(jobd, startServer({ jobd, host: "127.0.0.1", port: 0, ...rest }), secret);
  }

  fetch(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.server.url}/api/v1${path}`, {
      headers: { authorization: `Bearer ${this.#secret}`, ...headers },
    });
  }

  /** A stream as it comes, item by item. */
  async stream(path: string, headers: Record<string, string> = {}): Promise<Items> {
    const response = await this.fetch(path, { accept: "text/event-stream", ...headers });
    assert.equal(response.status, 200, await (response.ok ? "" : response.text()));
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.ok(response.body);
    return new Items(response.body);
  }

  /** Resolves when a request waits for the end of a job. */
  waits(): Promise<void> {
    const { jobs } = this.jobd;
    const wait = jobs.wait.bind(jobs);
    return new Promise((resolve) => {
      jobs.wait = (...args) => {
        resolve();
        return wait(...args);
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await this.jobd.close();
  }
}

interface Item {
  id?: string;
  event: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

class Items implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next item; undefined at the end. */
  async next(): Promise<Item | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const fields = Object.fromEntries(
          lines.map((line) => /^(\w*): ?(.*)$/s.exec(line)?.slice(1) ?? ["", ""]),
        );
        if (fields.event !== undefined) {
          return { ...fields, data: JSON.parse(fields.data) } as unknown as Item;
        }
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

Deno.test("events are told as they happen, and a reader that comes back goes on where it was", async () => {
  await using here = await Listening.start();
  await using first = await here.stream("/events?topics=job.*&type=a");
  const { id } = await here.jobd.enqueue({ type: "a" });
  await here.jobd.enqueue({ type: "b" });
  const told = await first.next();
  assert.deepEqual([told?.event, told?.data.jobId, told?.id], ["job.enqueued", id, String(told?.data.id)]);
  await here.jobd.jobs.cancel(id);
  assert.equal((await first.next())?.event, "job.cancelled");
  await using second = await here.stream("/events?topics=job.*&type=a", { "last-event-id": told?.id ?? "" });
  const missed = await second.next();
  assert.deepEqual([missed?.event, missed?.data.jobId], ["job.cancelled", id]);
});

Deno.test("ticks of schedules are told to outside programs, also when they make no job", async () => {
  await using here = await Listening.start();
  await using items = await here.stream("/schedules/events?schedule=pulse");
  await here.jobd.schedules.create("pulse", { every: "1h" });
  await here.jobd.schedules.run("pulse");
  assert.equal((await items.next())?.event, "schedule.created");
  const tick = await items.next();
  assert.deepEqual([tick?.event, tick?.data.schedule, tick?.data.manual], ["schedule.tick", "pulse", "run"]);
});

Deno.test("the log of a job is told until its end, and from where a reader left it", async () => {
  await using here = await Listening.start();
  const go = Promise.withResolvers<void>();
  const worker = here.jobd.worker({
    handlers: [{
      type: "talker",
      async run(_, ctx) {
        ctx.log("one");
        await go.promise;
        ctx.log("two");
      },
    }],
  });
  const { id } = await here.jobd.enqueue({ type: "talker" });
  await worker.start();
  await using items = await here.stream(`/jobs/${id}/logs`);
  const first = await items.next();
  assert.match(first?.data.text, /one/);
  go.resolve();
  const second = await items.next();
  assert.match(second?.data.text, /two/);
  assert.deepEqual(await items.next(), { event: "end", data: { state: "completed" } });
  assert.equal(await items.next(), undefined);
  await using rest = await here.stream(`/jobs/${id}/logs`, { "last-event-id": first?.id ?? "" });
  assert.match((await rest.next())?.data.text, /two/);
  const plain = await (await here.fetch(`/jobs/${id}/logs?after=${first?.id}`)).json();
  assert.deepEqual(plain.items.map(({ text }: { text: string }) => text), [second?.data.text]);
  await worker.stop();
});

Deno.test("a stopping server ends streams and waiting, and answers those who waited", async () => {
  await using here = await Listening.start();
  const { id } = await here.jobd.enqueue({ type: "nobody" });
  const items = await here.stream("/events");
  const waits = here.waits();
  const waiting = here.fetch(`/jobs/${id}/result?wait=1m`);
  await waits;
  await here.jobd.enqueue({ type: "later" });
  assert.equal((await items.next())?.event, "job.enqueued");
  const stopped = here.server.stop();
  assert.equal(await items.next(), undefined);
  assert.deepEqual(await (await waiting).json(), {
    id,
    state: "available",
    finished: false,
    result: null,
    error: null,
  });
  await stopped;
});

Deno.test("waiting for a result ends with the job", async () => {
  await using here = await Listening.start();
  const { id } = await here.jobd.enqueue({ type: "sum", payload: [1, 2] });
  const waiting = here.fetch(`/jobs/${id}/result?wait=1m`);
  const worker = here.jobd.worker({
    handlers: [{ type: "sum", run: (job) => (job.payload as number[]).reduce((a, b) => a + b) }],
  });
  await worker.start();
  const answer = await (await waiting).json();
  assert.deepEqual(answer, { id, state: "completed", finished: true, result: 3, error: null });
  await worker.stop();
});
