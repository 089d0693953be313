const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * One connection that stays open: a client that costs as little as it can, because it shares the machine with the server.
 * Answers must say their length.
 */
export class Connection {
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(64 * 1_024);

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    return new Connection(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends a request; gives the status of its answer. */
  async ask(request: Uint8Array): Promise<number> {
    await this.send(request);
    let text = "";
    while (!isWhole(text)) text += await this.read();
    return Number(text.slice(9, 12));
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  /** The next piece of what comes. */
  async read(): Promise<string> {
    const length = await this.#connection.read(this.#buffer);
    if (length === null) throw new Error("The server has closed the connection");
    return decoder.decode(this.#buffer.subarray(0, length));
  }

  close(): void {
    this.#connection.close();
  }
}

/** The bytes of a request. */
export function requestOf(
  { url, secret }: { url: string; secret: string },
  line: string,
  { headers = {}, body = "" }: { headers?: Record<string, string>; body?: string } = {},
): Uint8Array {
  const all = {
    host: new URL(url).host,
    authorization: `Bearer ${secret}`,
    ...(body === "" ? {} : { "content-type": "application/json", "content-length": String(body.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return encoder.encode(`${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
  if (length === undefined) throw new Error(`The answer does not say its length:\n${text}`);
  return text.length >= end + 4 + Number(length);
}
