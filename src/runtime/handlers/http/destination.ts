import { contains, type IpAddress, isPublic, parseIp } from "../../../domain/ip_address.ts";
import { type HttpRules, matchesHost } from "./http_rules.ts";

/** Finds all addresses of a host. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** An address that may be connected to. */
export interface Destination {
  /** The address: what was checked is what must be connected to, or a second look-up could give another one. */
  address: string;
  /** Whether it is one of the public Internet. */
  public: boolean;
}

/** A destination that must not be reached. Retrying cannot help. */
export class ForbiddenDestination extends Error {
  override readonly name = "ForbiddenDestination";
}

/**
 * The addresses of a host that may be reached. One that may not is enough to refuse all of them: a name that points both
 * outside and inside is not to be trusted. Which addresses those are is not told, since who enqueues may not know the
 * network.
 *
 * @throws {ForbiddenDestination}
 */
export async function destinationsOf(url: URL, rules: HttpRules, resolve: Resolve): Promise<Destination[]> {
  const host = hostOf(url);
  const literal = parseIp(host);
  const addresses = literal === undefined ? await resolve(host) : [host];
  return addresses.map((address) => {
    const ip = parseIp(address);
    const mayPrivate = literal === undefined && matchesHost(rules.privateHosts, host);
    if (ip === undefined || !allowed(ip, rules, mayPrivate)) {
      throw new ForbiddenDestination(
        `The host ${
          JSON.stringify(host)
        } is, or leads to, an address that is not public; the daemon's configuration can ` +
          "allow it (http.allowPrivate)",
      );
    }
    return { address, public: isPublic(ip) };
  });
}

/** The host of an address without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function allowed(ip: IpAddress, { privateNetworks }: HttpRules, mayPrivate: boolean): boolean {
  return isPublic(ip) || mayPrivate || privateNetworks.some((network) => contains(network, ip));
}
