/** Who sent the bytes. */
export type Side = "client" | "server";

/** Decides about a chunk that is about to be passed on; the last argument tells connections apart. */
export type ChunkTest = (chunk: Uint8Array, from: Side, connection: object) => boolean;

/**
 * A loopback TCP proxy that misbehaves on request: network faults without touching the network.
 * `await using` closes it and every connection.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #accepting: Promise<void>;
  readonly #connections = new Set<Connection>();
  readonly #faults = new Faults();
  #target: Deno.ConnectOptions;
  #refusing = false;

  /** Listens on a free port and passes on to `target`, a port or a URL with one. */
  constructor(target: number | string) {
    this.#target = address(target);
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The same URL through this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = "127.0.0.1";
    changed.port = String(this.port);
    return changed.href;
  }

  /** New connections go there from now on. */
  retarget(target: number | string): void {
    this.#target = address(target);
  }

  /** Closes new connections at once, or (false) takes them again. */
  refuse(refusing = true): void {
    this.#refusing = refusing;
  }

  /** Holds all bytes back, in one direction or both, until `resume`; connections stay open. */
  stall(from?: Side): void {
    this.#faults.stall(from);
  }

  /** Passes on what `stall` held back. */
  resume(): void {
    this.#faults.resume();
  }

  /** Passes each chunk on so many milliseconds later, in order; 0 ends it. */
  delay(ms: number): void {
    this.#faults.delayMs = ms;
  }

  /** Half-open: today's connections carry nothing any more and never hear of a close. New ones work. */
  dropSilently(): void {
    for (const connection of this.#connections) connection.dropped = true;
  }

  /** Closes today's connections. */
  cut(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Closes the connection of the next chunk that the test picks, in place of passing that chunk on; once. */
  cutWhen(test: ChunkTest): Promise<void> {
    return this.#faults.cutWhen((chunk, from, connection) => test(chunk, from, connection) ? 0 : undefined);
  }

  /** Passes exactly so many more bytes of that side on, counted over all connections, then closes that connection; once. */
  cutAfter(bytes: number, from: Side): Promise<void> {
    let left = bytes;
    return this.#faults.cutWhen((chunk, sender) => {
      if (sender !== from) return undefined;
      if (chunk.length > left) return left;
      left -= chunk.length;
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    this.#faults.end();
    await this.#accepting;
    await Promise.all([...this.#connections].map((connection) => connection.ended));
  }

  async #accept(): Promise<void> {
    const opening = new Set<Promise<void>>();
    try {
      for await (const client of this.#listener) {
        const opened = this.#open(client).finally(() => opening.delete(opened));
        opening.add(opened);
      }
    } finally {
      await Promise.all(opening);
      this.cut();
    }
  }

  async #open(client: Deno.TcpConn): Promise<void> {
    const server = this.#refusing ? undefined : await Deno.connect(this.#target).catch(() => undefined);
    if (!server) return client.close();
    const connection = new Connection(client, server, this.#faults);
    this.#connections.add(connection);
    connection.ended.finally(() => this.#connections.delete(connection));
  }
}

/** How many bytes of the chunk still pass before the cut; undefined: no cut. */
type Cut = (chunk: Uint8Array, from: Side, connection: object) => number | undefined;

/** What goes wrong at present, for all connections of a proxy. */
class Faults {
  delayMs = 0;
  readonly #ended = new AbortController();
  readonly #cuts: { cut: Cut; done: () => void }[] = [];
  #stalled: { from: Side | undefined; over: PromiseWithResolvers<void> } | undefined;

  stall(from: Side | undefined): void {
    this.resume();
    this.#stalled = { from, over: Promise.withResolvers() };
  }

  resume(): void {
    this.#stalled?.over.resolve();
    this.#stalled = undefined;
  }

  end(): void {
    this.resume();
    this.#ended.abort();
  }

  cutWhen(cut: Cut): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#cuts.push({ cut, done: resolve });
    return promise;
  }

  /** Waits as long as bytes of that side are held back. */
  async hold(from: Side): Promise<void> {
    if (this.delayMs > 0) await this.#sleep(this.delayMs);
    while (this.#stalled && (this.#stalled.from ?? from) === from) await this.#stalled.over.promise;
  }

  cutIn(chunk: Uint8Array, from: Side, connection: object): number | undefined {
    for (const [index, { cut, done }] of this.#cuts.entries()) {
      const passing = cut(chunk, from, connection);
      if (passing === undefined) continue;
      this.#cuts.splice(index, 1);
      done();
      return passing;
    }
    return undefined;
  }

  #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#ended.signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => clearTimeout(timer));
  }
}

/** One client and its connection to the server. */
class Connection {
  readonly ended: Promise<void>;
  dropped = false;
  #closed = false;

  constructor(readonly client: Deno.TcpConn, readonly server: Deno.TcpConn, readonly faults: Faults) {
    this.ended = Promise.all([this.#pump("client"), this.#pump("server")]).then(() => this.close());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.client.close();
    this.server.close();
  }

  async #pump(from: Side): Promise<void> {
    const [source, target] = from === "client" ? [this.client, this.server] : [this.server, this.client];
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let read; (read = await source.read(buffer)) !== null;) {
        await this.#pass(buffer.slice(0, read), from, target);
      }
      await this.faults.hold(from);
      if (!this.dropped) await target.closeWrite();
    } catch {
      if (!this.dropped) this.close(); // one end is gone: so is the other
    }
  }

  async #pass(chunk: Uint8Array, from: Side, target: Deno.TcpConn): Promise<void> {
    await this.faults.hold(from);
    if (this.dropped) return;
    const passing = this.faults.cutIn(chunk, from, this);
    await writeAll(target, passing === undefined ? chunk : chunk.subarray(0, passing));
    if (passing !== undefined) this.close();
  }
}

async function writeAll(target: Deno.TcpConn, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) written += await target.write(chunk.subarray(written));
}

function address(target: number | string): Deno.ConnectOptions {
  if (typeof target === "number") return { hostname: "127.0.0.1", port: target };
  const { hostname, port } = new URL(target);
  return { hostname, port: Number(port) };
}
