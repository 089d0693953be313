import { Buffer } from "node:buffer";
import {
  type ClientRequest,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
} from "node:http";
import { request as tlsRequest } from "node:https";
import { type Destination, hostOf } from "./destination.ts";

/** What is sent, and to which address. */
export interface Sending {
  /** Where. Its host names the server in the request and in the certificate; it is not looked up again. */
  url: URL;
  /** The addresses of its host that have been checked, tried one after the other. */
  destinations: readonly Destination[];
  /** The method. */
  method: string;
  /** All headers. */
  headers: Record<string, string>;
  /** What is sent; undefined for nothing. */
  body: string | undefined;
  /** Bytes of the answer that are kept; the rest is not even read. */
  maxResponse: number;
  /** Ends it. */
  signal: AbortSignal;
  /** Certificates of authorities to trust instead of the usual ones, as PEM. */
  ca?: string;
}

/** An answer. */
export interface Answered {
  /** The status. */
  status: number;
  /** Its headers; of several with one name the last. */
  headers: Record<string, string>;
  /** The beginning of its body. */
  body: Uint8Array;
  /** Whether there was more. */
  truncated: boolean;
  /** Whether the address that answered is one of the public Internet. */
  public: boolean;
}

/** No connection was made, so that nothing can have been sent. */
class NotConnected extends Error {}

/**
 * Sends a request to addresses that have been checked and to no other: no name is looked up, no proxy is used, and no
 * redirect is followed. Rejects with the error of the connection.
 */
export async function send(sending: Sending): Promise<Answered> {
  let last: unknown = new Error("The name has no address");
  for (const destination of sending.destinations) {
    try {
      return await sendTo(destination, sending);
    } catch (error) {
      last = error;
      // Whoever took a connection may have acted on the request.
      if (!(error instanceof NotConnected) || sending.signal.aborted) break;
    }
  }
  throw last instanceof NotConnected ? last.cause : last;
}

async function sendTo({ address, public: isPublic }: Destination, sending: Sending): Promise<Answered> {
  const { url, method, headers, body, maxResponse, signal, ca } = sending;
  const options: RequestOptions & { servername?: string; ca?: string } = {
    host: address,
    port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method,
    // An agent could have a connection from before, to an address that nobody has checked for this job.
    agent: false,
    headers: { ...headers, host: url.host, "accept-encoding": "identity" },
    ...(url.protocol === "https:" ? { servername: hostOf(url) } : {}),
    ...(ca === undefined ? {} : { ca }),
  };
  const request = (url.protocol === "https:" ? tlsRequest : plainRequest)(options);
  const stop = (): void => void request.destroy(new Error("Stopped"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    const response = await exchange(request, body, signal);
    const { kept, truncated } = await beginningOf(response, maxResponse);
    return {
      status: response.statusCode ?? 0,
      headers: textHeaders(response),
      body: kept,
      truncated,
      public: isPublic,
    };
  } finally {
    signal.removeEventListener("abort", stop);
    // The connection goes with the request: nothing is left behind that could be used for another job.
    request.destroy();
  }
}

function exchange(
  request: ClientRequest,
  body: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let connected = false;
    request.on("socket", (socket) => {
      socket.once("connect", () => {
        connected = true;
      });
    });
    // Stays for good: an error that comes after the answer must not end the program.
    request.on("error", (error) => reject(connected ? error : new NotConnected("", { cause: error })));
    request.once("response", resolve);
    if (signal.aborted) request.destroy(new Error("Stopped"));
    else request.end(body);
  });
}

/** Reads as much as is kept. */
function beginningOf(
  response: IncomingMessage,
  max: number,
): Promise<{ kept: Uint8Array; truncated: boolean }> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let size = 0;
    const done = (truncated: boolean): void => {
      resolve({ kept: Buffer.concat(parts).subarray(0, max), truncated });
    };
    response.on("data", (part: Uint8Array) => {
      if (size > max) return;
      parts.push(part);
      size += part.length;
      if (size > max) done(true);
    });
    response.once("end", () => done(false));
    response.once("error", reject);
    response.once("close", () => reject(new Error("The connection ended before the answer did")));
  });
}

function textHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map((
      [name, value],
    ) => [name, (Array.isArray(value) ? value.at(-1) : value) ?? ""]),
  );
}
