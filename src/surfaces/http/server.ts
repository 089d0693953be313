import type { Clock } from "../../domain/clock.ts";
import { JobdError, messageOf } from "../../domain/errors.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { AgentRules } from "../mcp/context.ts";
import type { Answer } from "./app.ts";
import { Tenants } from "./tenants.ts";

/** What a server needs. */
export interface ServerOptions {
  /** The store. */
  jobd: Jobd;
  /** Address to listen at. */
  host: string;
  /** Port; 0 for any that is free. */
  port: number;
  /** Certificate and key as PEM; without them it speaks plain HTTP. */
  tls?: { cert: string; key: string };
  /** Names under which it may be called, besides those of this machine. */
  hosts: readonly string[];
  /** The program's version. */
  version: string;
  /** Time. */
  clock: Clock;
  /** Where it says what goes wrong. */
  log: Logger;
  /** What agents may do. */
  rules?: AgentRules;
}

/** A server that listens. */
export interface Server {
  /** Where. */
  readonly url: string;
  /** Takes no more requests, ends streams, and resolves when all others are answered. */
  stop(): Promise<void>;
}

/** Addresses that only programs on this machine reach. */
const LOOPBACK = ["127.0.0.1", "::1", "localhost"];

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host);
}

/**
 * Starts to answer HTTP requests.
 *
 * @throws {JobdError} `invalid_config` when nothing can listen there
 */
export function startServer(options: ServerOptions): Server {
  const { jobd, host, port, hosts, tls, version, clock, log, rules } = options;
  const stopping = new AbortController();
  const tenants = new Tenants(jobd);
  const load = async (): Promise<Answer> =>
    (await import("./app.ts")).createApp({
      jobdOf: (namespace) => tenants.of(namespace),
      findToken: (secret) => jobd.tokens.find(secret),
      namespace: jobd.namespace,
      stopping: stopping.signal,
      hosts,
      version,
      clock,
      log,
      ...(rules === undefined ? {} : { rules }),
    });
  // Routes and schemas take memory and time to load: a daemon whose API nobody calls does without them.
  let app: Promise<Answer> | undefined;
  const answer = async (request: Request, address: () => string): Promise<Response> =>
    await (await (app ??= load()))(request, address);
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await server.shutdown();
    await tenants.close();
  };
  const server = listen({ hostname: host, port, ...tls }, answer);
  return {
    url: `http${tls === undefined ? "" : "s"}://${
      host.includes(":") ? `[${host}]` : host
    }:${server.addr.port}`,
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

function listen(
  at: { hostname: string; port: number; cert?: string; key?: string },
  answer: (request: Request, address: () => string) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(
      { ...at, onListen: () => {}, automaticCompression: true },
      (request, info) => answer(request, () => info.remoteAddr.hostname),
    );
  } catch (error) {
    const taken = error instanceof Deno.errors.AddrInUse;
    throw new JobdError("invalid_config", `Cannot listen at ${at.hostname}:${at.port}: ${messageOf(error)}`, {
      hint: taken
        ? "Another program listens there: give another --api-port, or --no-http if one API is enough."
        : "Give an --api-host of this machine and an --api-port that is free.",
      cause: error,
    });
  }
}
