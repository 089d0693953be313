import { Refusal } from "./problem.ts";

/** Names by which a program on this machine reaches itself. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Refuses requests that a page of somebody else makes through a name of its own that points here (DNS rebinding), and
 * those that a browser sends on behalf of such a page.
 */
export class HostGuard {
  readonly #hosts: ReadonlySet<string>;

  /** @param hosts names under which the server may be called, besides those of this machine itself */
  constructor(hosts: readonly string[]) {
    this.#hosts = new Set([...LOOPBACK, ...hosts.map((host) => host.toLowerCase())]);
  }

  /** @throws {Refusal} `forbidden_host`, `forbidden_origin` */
  check(request: Request): void {
    const host = request.headers.get("host");
    // The address of the request and its Host header are the same thing to the server, but for a request in absolute form.
    const same = host !== null && request.url.startsWith(`http://${host}/`);
    for (const name of same ? [host] : [host, new URL(request.url).host]) {
      if (name !== null && !this.#knows(name)) {
        throw new Refusal("forbidden_host", "This host name is not one of jobd's", {
          hint: "Call it by localhost, or name the host with --api-hosts.",
        });
      }
    }
    const origin = request.headers.get("origin");
    if (origin !== null && !isOrigin(origin, request)) {
      throw new Refusal("forbidden_origin", "Pages of other origins may not call jobd");
    }
  }

  #knows(host: string): boolean {
    const [, name = ""] = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(host) ?? [];
    return this.#hosts.has(name.toLowerCase());
  }
}

/** Whether it is the origin of the pages that this server gives itself, port included. */
function isOrigin(origin: string, request: Request): boolean {
  const url = URL.parse(origin);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === origin &&
    url.host === request.headers.get("host")?.toLowerCase();
}
