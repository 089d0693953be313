import type { Duration } from "../../../domain/duration.ts";

/** A place that jobs may name, without knowing its address, headers or secrets. */
export interface HttpTarget {
  /** Where it is. */
  url: string;
  /** The method. @default "POST" */
  method?: HttpMethod;
  /** Headers of each request; a value `env:NAME` is that of a variable of the daemon's environment. */
  headers?: Record<string, string>;
  /** Secrets that sign its requests. @default those of the section */
  secrets?: string[];
  /** Longest time for one request. @default that of the section */
  timeout?: Duration;
}

/** Where the `http` handler may send to, and how. Without targets and hosts it sends nowhere. */
export interface HttpConfig {
  /** Places by the name that payloads use. */
  targets?: Record<string, HttpTarget>;
  /** Hosts to which payloads may send by an address of their own: names, `*.example.com`, or `*` for all. @default none */
  hosts?: string[];
  /** Hosts, addresses and networks that may be reached although they are not public: `10.1.0.0/16`, `billing.internal`. */
  allowPrivate?: string[];
  /** Ports to which payloads may send by an address of their own. @default 80 and 443 */
  ports?: number[];
  /**
   * Secrets of Standard Webhooks (`whsec_` and base64) that sign the requests, one signature for each; `env:NAME` stands for
   * those in a variable, separated by spaces. @default none: requests are not signed
   */
  secrets?: string[];
  /** Longest time for one request, from the look-up of its name to the end of the answer. @default "30s" */
  timeout?: Duration;
  /** Bytes of an answer that are kept. @default 65536 */
  maxResponse?: number;
  /** How long to wait after the answer 429 when it does not say. @default "1m" */
  rateLimitDelay?: Duration;
}

/** Methods that requests may have. */
export const HTTP_METHODS = ["POST", "PUT", "PATCH", "DELETE", "GET"] as const;
/** One of them. */
export type HttpMethod = typeof HTTP_METHODS[number];

/** Bytes of an answer that can be kept at most: a result has room for no more. */
export const MAX_RESPONSE_LIMIT = 512 * 1024;
