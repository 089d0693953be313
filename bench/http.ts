import type { Figure } from "./cases.ts";
import { Connection, requestOf } from "./http/connection.ts";
import { percentile } from "./report.ts";
import type { Place } from "./stores.ts";

const CONNECTIONS = 50;
const WARM_MS = 1_500;
const MEASURED_MS = 5_000;
const READERS = 500;
const TOLD = 2_000;
const SERVER = new URL("./http/server.ts", import.meta.url).pathname;
const BODY = JSON.stringify({
  type: "none",
  payload: { to: "somebody@example.com", subject: "Hello", body: "x".repeat(48) },
});

/** A server that runs. */
interface Running extends AsyncDisposable {
  url: string;
  secret: string;
  /** The memory that it takes, in megabytes. */
  memory(): Promise<number>;
}

/** POST /jobs beside a server that stores nothing, by turns; how long answers take at half of that; what readers of events cost. */
export async function overHttp(place: Place): Promise<Figure[]> {
  await using store = await place.fresh();
  await using bare = await start("bare");
  await using jobd = await start(store.url);
  const rates: Record<"bare" | "jobd", number> = { bare: 0, jobd: 0 };
  for (const [name, server] of [["bare", bare], ["jobd", jobd]] as const) {
    await loaded(server, WARM_MS);
    rates[name] = await loaded(server, MEASURED_MS);
  }
  const times = await paced(jobd, rates.jobd / 2);
  const before = await jobd.memory();
  const after = await withReaders(jobd);
  return [
    { label: `bare Hono, ${CONNECTIONS} connections`, unit: "requests/s", value: rates.bare },
    { label: `POST /jobs, ${CONNECTIONS} connections`, unit: "requests/s", value: rates.jobd },
    { label: "POST /jobs, of bare Hono", unit: "%", value: rates.jobd / rates.bare * 100 },
    { label: "POST /jobs at half load, p50", unit: "ms", value: percentile(times, 0.5) },
    { label: "POST /jobs at half load, p99", unit: "ms", value: percentile(times, 0.99) },
    { label: "memory of the server before", unit: "MB", value: before },
    { label: `memory with ${READERS} readers of events, half of them asleep`, unit: "MB", value: after },
  ];
}

async function start(what: string): Promise<Running> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--allow-net",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      "--allow-sys",
      SERVER,
      what,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  // It never says two things at once, so that what arrives is a line.
  const said = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const ask = process.stdin.getWriter();
  const { url, secret } = JSON.parse((await said.read()).value ?? "");
  return {
    url,
    secret,
    async memory() {
      await ask.write(new TextEncoder().encode("memory\n"));
      return Number((await said.read()).value) / 2 ** 20;
    },
    async [Symbol.asyncDispose]() {
      await ask.close();
      await process.status;
    },
  };
}

/** Requests per second when each connection sends its next one at once. */
async function loaded(server: Running, ms: number): Promise<number> {
  const request = requestOf(server, "POST /api/v1/jobs", { body: BODY });
  const start = performance.now();
  const counts = await onEach(server, async (connection) => {
    let count = 0;
    for (; performance.now() - start < ms; count++) await created(connection, request);
    return count;
  });
  return counts.reduce((a, b) => a + b) / (performance.now() - start) * 1_000;
}

/** Times of answers at so many requests per second, each from the moment at which it was due. */
async function paced(server: Running, rate: number): Promise<number[]> {
  const request = requestOf(server, "POST /api/v1/jobs", { body: BODY });
  const every = CONNECTIONS / rate * 1_000;
  const start = performance.now();
  const times = await onEach(server, async (connection, index) => {
    const own: number[] = [];
    for (let due = start + every * index / CONNECTIONS; due - start < MEASURED_MS; due += every) {
      const early = due - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      // Timers come late by a millisecond; that is not the server's.
      const asked = Math.max(due, Math.min(performance.now(), due + 2));
      await created(connection, request);
      own.push(performance.now() - asked);
    }
    return own;
  });
  return times.flat();
}

async function onEach<T>(
  { url }: Running,
  use: (connection: Connection, index: number) => Promise<T>,
): Promise<T[]> {
  return await Promise.all(Array.from({ length: CONNECTIONS }, async (_, index) => {
    const connection = await Connection.open(url);
    try {
      return await use(connection, index);
    } finally {
      connection.close();
    }
  }));
}

async function created(connection: Connection, request: Uint8Array): Promise<void> {
  const status = await connection.ask(request);
  if (status !== 201) throw new Error(`The server answered ${status}`);
}

/** Megabytes of the server while many listen to events; every second one never reads. */
async function withReaders(server: Running): Promise<number> {
  const listen = requestOf(server, "GET /api/v1/events", { headers: { accept: "text/event-stream" } });
  const readers = await Promise.all(Array.from({ length: READERS }, () => Connection.open(server.url)));
  await Promise.all(readers.map((reader) => reader.send(listen)));
  const reading = readers.filter((_, index) => index % 2 === 0).map(readAll);
  const producer = await Connection.open(server.url);
  const request = requestOf(server, "POST /api/v1/jobs", { body: BODY });
  for (let sent = 0; sent < TOLD; sent++) await created(producer, request);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const memory = await server.memory();
  for (const connection of [producer, ...readers]) connection.close();
  await Promise.allSettled(reading);
  return memory;
}

async function readAll(reader: Connection): Promise<void> {
  while (true) await reader.read();
}
