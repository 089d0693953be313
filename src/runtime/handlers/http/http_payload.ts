import { show } from "../../../domain/errors.ts";
import type { Json } from "../../../domain/json.ts";
import { HTTP_METHODS, type HttpMethod } from "./http_config.ts";
import { hostOf } from "./destination.ts";
import { type HttpRules, matchesHost, type Target } from "./http_rules.ts";
import { checkRequestHeaders } from "./request_headers.ts";

/** A payload from which no request can be made. Retrying cannot help. */
export class BadHttpPayload extends Error {
  override readonly name = "BadHttpPayload";
}

/** A request that a payload asks for. */
export interface HttpRequest extends Target {
  /** What is sent; undefined for nothing. */
  body: string | undefined;
}

const URL_MAX = 8_192;
const DEFAULT_PORTS: Record<string, number> = { "http:": 80, "https:": 443 };

/**
 * The request that a payload asks for: `{ "target": name, "body": any }`, or where the configuration names hosts
 * `{ "url": address, "method"?: ..., "headers"?: {...}, "body": any }`.
 *
 * @throws {BadHttpPayload}
 */
export function requestOf(payload: Json, rules: HttpRules): HttpRequest {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw new BadHttpPayload('The payload is not an object such as { "target": name, "body": ... }');
  }
  const { target, ...rest } = payload;
  return target === undefined ? byUrl(rest, rules) : byTarget(target, rest, rules);
}

function byTarget(
  name: Json,
  { body, ...rest }: { [key: string]: Json },
  { targets }: HttpRules,
): HttpRequest {
  const target = typeof name === "string" ? targets.get(name) : undefined;
  if (target === undefined) {
    const known = [...targets.keys()].join(", ");
    throw new BadHttpPayload(
      `Unknown target ${show(name)}; ${known === "" ? "none is configured" : `known: ${known}`}`,
    );
  }
  refuseUnknown(rest, ["target", "body"]);
  return { ...target, body: textOf(target.method, body) };
}

function byUrl(
  { url, method = "POST", headers = {}, body, ...rest }: { [key: string]: Json },
  rules: HttpRules,
): HttpRequest {
  refuseUnknown(rest, ["target", "url", "method", "headers", "body"]);
  if (url === undefined) throw new BadHttpPayload("The payload names neither a target nor a url");
  const known = HTTP_METHODS.find((one) => one === method);
  if (known === undefined) {
    throw new BadHttpPayload(`The method ${show(method)} is none of ${HTTP_METHODS.join(", ")}`);
  }
  const checked = checkRequestHeaders(headers);
  if (typeof checked === "string") throw new BadHttpPayload(checked);
  const { secrets, timeoutMs } = rules;
  return {
    url: address(url, rules),
    method: known,
    headers: checked,
    secrets,
    timeoutMs,
    body: textOf(known, body),
  };
}

/** An address that a payload may name. What is refused is not shown: it may hold a password. */
function address(given: Json, { hosts, ports }: HttpRules): URL {
  const url = typeof given === "string" && given.length <= URL_MAX ? URL.parse(given) : null;
  if (url === null) throw new BadHttpPayload(`The url is not an address of at most ${URL_MAX} characters`);
  const usual = DEFAULT_PORTS[url.protocol];
  if (usual === undefined) throw new BadHttpPayload("The url does not begin with https:// or http://");
  if (url.username !== "" || url.password !== "") {
    throw new BadHttpPayload("The url holds a user or a password: put them into a header");
  }
  const host = hostOf(url);
  if (!matchesHost(hosts, host)) {
    throw new BadHttpPayload(
      `The configuration does not let payloads send to the host ${show(host)} (http.hosts)`,
    );
  }
  const port = url.port === "" ? usual : Number(url.port);
  if (!ports.includes(port)) {
    throw new BadHttpPayload(`The port ${port} is not allowed; allowed: ${ports.join(", ")} (http.ports)`);
  }
  return url;
}

function textOf(method: HttpMethod, body: Json | undefined): string | undefined {
  if (body === undefined) return undefined;
  if (method === "GET") throw new BadHttpPayload("A GET request has no body");
  return JSON.stringify(body);
}

function refuseUnknown(rest: object, known: readonly string[]): void {
  const [unknown] = Object.keys(rest);
  if (unknown === undefined) return;
  throw new BadHttpPayload(`Unknown field ${show(unknown)}; known: ${known.join(", ")}`);
}
