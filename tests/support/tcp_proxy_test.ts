import assert from "node:assert/strict";
import { TcpProxy } from "./tcp_proxy.ts";

Deno.test("the proxy passes bytes and the end of the stream on", async () => {
  await using world = new World();
  const client = await world.connect();
  assert.equal(await ask(client, "hello"), "hello");
  await client.closeWrite();
  assert.equal(await read(client), null);
  client.close();
});

Deno.test("a stall holds bytes back until resume", async () => {
  await using world = new World();
  using client = await world.connect();
  world.proxy.stall("server");
  const answer = ask(client, "held");
  await world.until(() => world.received === "held");
  assert.equal(await Promise.race([answer, world.tick()]), "nothing yet");
  world.proxy.resume();
  assert.equal(await answer, "held");
});

Deno.test("a half-open connection carries nothing and hears of no close; a new one works", async () => {
  await using world = new World();
  using client = await world.connect();
  await ask(client, "a");
  world.proxy.dropSilently();
  const answer = ask(client, "b");
  world.closeConnections();
  using other = await world.connect();
  assert.equal(await ask(other, "c"), "c");
  assert.equal(await Promise.race([answer, world.tick()]), "nothing yet");
  world.proxy.cut();
  assert.notEqual(await answer, "b");
  assert.equal(world.received, "ac");
});

Deno.test("cutAfter passes exactly so many bytes on", async () => {
  await using world = new World();
  using client = await world.connect();
  const cut = world.proxy.cutAfter(3, "client");
  assert.equal(await ask(client, "ab"), "ab");
  await client.write(new TextEncoder().encode("cdef"));
  await cut;
  await world.until(() => world.received === "abc");
  await world.until(() => world.proxy.connections === 0);
});

Deno.test("cutWhen loses the reply to what the client said", async () => {
  await using world = new World();
  using client = await world.connect();
  let said = "";
  const cut = world.proxy.cutWhen((chunk, from) => {
    if (from === "client") said += new TextDecoder().decode(chunk);
    return from === "server" && said.includes("commit");
  });
  assert.equal(await ask(client, "begin"), "begin");
  assert.notEqual(await ask(client, "commit"), "commit");
  await cut;
  assert.equal(world.received, "begincommit");
});

Deno.test("a refused connection is closed at once, and later ones are taken again", async () => {
  await using world = new World();
  world.proxy.refuse();
  using refused = await world.connect();
  assert.notEqual(await ask(refused, "x"), "x");
  world.proxy.refuse(false);
  using taken = await world.connect();
  assert.equal(await ask(taken, "y"), "y");
});

Deno.test("a delay keeps the order, and closing does not wait for it", async () => {
  await using world = new World();
  using client = await world.connect();
  world.proxy.delay(1);
  assert.equal(await ask(client, "one"), "one");
  world.proxy.delay(3_600_000);
  await client.write(new TextEncoder().encode("two"));
  assert.equal(world.received, "one");
});

/** An echo server behind a proxy. */
class World implements AsyncDisposable {
  received = "";
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #echoing = this.#echoAll();
  readonly proxy = new TcpProxy(this.#listener.addr.port);

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.proxy.port });
  }

  closeConnections(): void {
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.tick();
  }

  tick(): Promise<string> {
    return new Promise((resolve) => setTimeout(() => resolve("nothing yet"), 20));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    this.#listener.close();
    this.closeConnections();
    await this.#echoing;
  }

  async #echoAll(): Promise<void> {
    const echoes: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#connections.add(connection);
      echoes.push(this.#echo(connection).catch(() => {})); // the tests cut connections
    }
    await Promise.all(echoes);
  }

  async #echo(connection: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(1024);
    for (let count; (count = await connection.read(buffer)) !== null;) {
      this.received += new TextDecoder().decode(buffer.subarray(0, count));
      await connection.write(buffer.subarray(0, count));
    }
    await connection.closeWrite();
  }
}

async function read(connection: Deno.TcpConn): Promise<string | null> {
  const buffer = new Uint8Array(1024);
  const count = await connection.read(buffer).catch(() => null);
  return count === null ? null : new TextDecoder().decode(buffer.subarray(0, count));
}

/** Says something and reads what comes back; null when the connection is gone. */
async function ask(connection: Deno.TcpConn, text: string): Promise<string | null> {
  await connection.write(new TextEncoder().encode(text)).catch(() => 0);
  return await read(connection);
}
