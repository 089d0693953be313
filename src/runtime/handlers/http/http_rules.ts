import { type Duration, parseDuration } from "../../../domain/duration.ts";
import { JobdError, messageOf, show } from "../../../domain/errors.ts";
import { type IpNetwork, parseNetwork } from "../../../domain/ip_address.ts";
import { secretBytes } from "../../webhook.ts";
import {
  HTTP_METHODS,
  type HttpConfig,
  type HttpMethod,
  type HttpTarget,
  MAX_RESPONSE_LIMIT,
} from "./http_config.ts";
import { checkRequestHeaders } from "./request_headers.ts";

/** A place as it is used: everything is read and checked. */
export interface Target {
  /** Where it is. */
  url: URL;
  /** The method. */
  method: HttpMethod;
  /** Headers, names in lower case. */
  headers: Record<string, string>;
  /** Secrets that sign. */
  secrets: readonly string[];
  /** Longest time for one request, in milliseconds. */
  timeoutMs: number;
}

/** The configuration as it is used. */
export interface HttpRules {
  /** Places by name. */
  targets: ReadonlyMap<string, Target>;
  /** Patterns of hosts for addresses in payloads, in lower case. */
  hosts: readonly string[];
  /** Networks that may be reached although they are not public. */
  privateNetworks: readonly IpNetwork[];
  /** Patterns of hosts that may be reached although they are not public. */
  privateHosts: readonly string[];
  /** Ports for addresses in payloads. */
  ports: readonly number[];
  /** Secrets that sign where no target has others. */
  secrets: readonly string[];
  /** Longest time for one request, in milliseconds. */
  timeoutMs: number;
  /** Bytes of an answer that are kept. */
  maxResponse: number;
  /** How long to wait after a 429 that does not say. */
  rateLimitDelayMs: number;
}

/** A name of a host, or with `*.` in front all below it; not an address, which the rules for networks are for. */
const HOST_PATTERN = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** Reads a variable of the environment. */
export type ReadVariable = (name: string) => string | undefined;

/**
 * Reads and checks a configuration.
 *
 * @throws {JobdError} `invalid_config` for the first thing that is wrong; secrets are never shown
 */
export function httpRules(config: HttpConfig, variable: ReadVariable): HttpRules {
  const allowed = (config.allowPrivate ?? []).map((text) => ({ text, network: parseNetwork(text) }));
  const base = {
    hosts: (config.hosts ?? []).map((host) => host === "*" ? host : pattern("hosts", host)),
    privateNetworks: allowed.map(({ network }) => network).filter((network) => network !== undefined),
    privateHosts: allowed.filter(({ network }) => network === undefined)
      .map(({ text }) => pattern("allowPrivate", text)),
    ports: (config.ports ?? [80, 443]).map(port),
    secrets: readSecrets("secrets", config.secrets ?? [], variable),
    timeoutMs: duration("timeout", config.timeout ?? "30s"),
    maxResponse: maxResponse(config.maxResponse ?? 64 * 1024),
    rateLimitDelayMs: duration("rateLimitDelay", config.rateLimitDelay ?? "1m"),
  };
  const targets = Object.entries(config.targets ?? {}).map(([name, target]) =>
    [name, readTarget(`targets.${name}`, target, { ...base, variable })] as const
  );
  return { ...base, targets: new Map(targets) };
}

/** Whether a host is one of a list of patterns. */
export function matchesHost(patterns: readonly string[], host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return patterns.some((one) =>
    one === "*" || one === name || (one.startsWith("*.") && name.endsWith(one.slice(1)))
  );
}

function readTarget(
  place: string,
  { url, method = "POST", headers = {}, secrets, timeout }: HttpTarget,
  usual: Pick<HttpRules, "secrets" | "timeoutMs"> & { variable: ReadVariable },
): Target {
  const address = URL.parse(url);
  if (address === null || !/^https?:$/.test(address.protocol)) {
    throw refuse(`${place}.url`, `${show(url)} is not an address that begins with https:// or http://`);
  }
  if (address.username !== "" || address.password !== "") {
    throw refuse(`${place}.url`, "it holds a user or a password", "Put them into a header.");
  }
  if (!HTTP_METHODS.includes(method)) {
    throw refuse(`${place}.method`, `${show(method)} is none of ${HTTP_METHODS.join(", ")}`);
  }
  return {
    url: address,
    method,
    headers: readHeaders(`${place}.headers`, headers, usual.variable),
    secrets: secrets === undefined ? usual.secrets : readSecrets(`${place}.secrets`, secrets, usual.variable),
    timeoutMs: timeout === undefined ? usual.timeoutMs : duration(`${place}.timeout`, timeout),
  };
}

function readHeaders(
  place: string,
  headers: Record<string, string>,
  variable: ReadVariable,
): Record<string, string> {
  const values = Object.entries(headers).map(([name, value]) =>
    [name, fromVariable(`${place}.${name}`, value, variable)] as const
  );
  const checked = checkRequestHeaders(Object.fromEntries(values));
  if (typeof checked === "string") throw refuse(place, checked);
  return checked;
}

function readSecrets(place: string, secrets: readonly string[], variable: ReadVariable): string[] {
  const all = secrets.flatMap((secret) => fromVariable(place, secret, variable).split(/\s+/));
  const given = all.filter((secret) => secret !== "");
  for (const secret of given) {
    try {
      secretBytes(secret);
    } catch (error) {
      throw refuse(place, messageOf(error), error instanceof JobdError ? error.hint : undefined);
    }
  }
  return given;
}

function fromVariable(place: string, value: string, variable: ReadVariable): string {
  if (!value.startsWith("env:")) return value;
  const name = value.slice("env:".length);
  const found = variable(name);
  if (found !== undefined && found !== "") return found;
  throw refuse(place, `the variable ${show(name)} is not set`, "Set it in the environment of the daemon.");
}

function pattern(place: string, host: string): string {
  const name = host.toLowerCase();
  // What ends in a number is an address to browsers, and no name.
  if (HOST_PATTERN.test(name) && !/(?:^|\.)\d+$/.test(name)) return name;
  const networks = place === "allowPrivate" ? ", an address or a network such as 10.1.0.0/16" : "";
  throw refuse(place, `${show(host)} is not the name of a host, also not *.example.com${networks}`);
}

function port(value: number): number {
  if (Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw refuse("ports", `${show(value)} is not a port from 1 to 65535`);
}

function maxResponse(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= MAX_RESPONSE_LIMIT) return value;
  throw refuse("maxResponse", `${show(value)} is not a number of bytes from 0 to ${MAX_RESPONSE_LIMIT}`);
}

function duration(place: string, value: Duration): number {
  let ms = 0;
  try {
    ms = parseDuration(value, place);
  } catch (error) {
    throw refuse(place, messageOf(error), 'Write it like "30s" or "5m".');
  }
  if (ms > 0) return ms;
  throw refuse(place, "it is 0", 'Write it like "30s" or "5m".');
}

function refuse(place: string, what: string, hint?: string): JobdError {
  return new JobdError("invalid_config", `http.${place}: ${what}`, hint === undefined ? {} : { hint });
}
