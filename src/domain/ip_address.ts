/** An IP address as one number, with the version that says what it means. */
export interface IpAddress {
  /** 4 or 6. */
  version: 4 | 6;
  /** Its 32 or 128 bits. */
  bits: bigint;
}

/** All addresses that begin with the same bits. */
export interface IpNetwork {
  /** 4 or 6. */
  version: 4 | 6;
  /** The bits that they begin with, and zeros. */
  bits: bigint;
  /** How many bits count. */
  prefix: number;
}

const WIDTH = { 4: 32, 6: 128 } as const;

/** Reads an address in its usual form, IPv6 without brackets; undefined for anything else, also octal and hex ones. */
export function parseIp(text: string): IpAddress | undefined {
  const bits = text.includes(":") ? bitsOf6(text) : bitsOf4(text);
  return bits === undefined ? undefined : { version: text.includes(":") ? 6 : 4, bits };
}

/** Reads a network such as `10.0.0.0/8`; an address alone is a network of one. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [, address = "", length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const width = WIDTH[ip.version];
  const prefix = length === undefined ? width : Number(length);
  if (prefix > width) return undefined;
  const network = { version: ip.version, bits: ip.bits, prefix };
  // 10.1.2.3/8 is more likely a slip than a wish for all of 10.0.0.0/8.
  return ip.bits === begin(ip, prefix) ? network : undefined;
}

/** Whether an address lies in a network. The two versions never meet, not even in an IPv4-mapped address. */
export function contains(network: IpNetwork, ip: IpAddress): boolean {
  return network.version === ip.version && begin(ip, network.prefix) === network.bits;
}

/** What is not for everybody on the Internet: the special-purpose registries of IANA, and multicast. */
const NOT_PUBLIC_4 = [
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // carrier-grade NAT
  "127.0.0.0/8", // loopback
  "169.254.0.0/16", // link-local, where clouds keep their metadata
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.31.196.0/24", // AS112
  "192.52.193.0/24", // tunnels to multicast
  "192.88.99.0/24", // relays of 6to4
  "192.168.0.0/16", // private
  "192.175.48.0/24", // AS112
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
].map(known);

/** Everything that is global in IPv6. What is outside leads nowhere, here, or around the rules for IPv4 (mapped, NAT64). */
const GLOBAL_6 = known("2000::/3");
const NOT_PUBLIC_6 = [
  "2001::/23", // protocol assignments, among them Teredo, which holds IPv4 addresses
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which holds IPv4 addresses
  "2620:4f:8000::/48", // AS112
  "3fff::/20", // documentation
].map(known);

/** Whether an address is one of the public Internet, which everybody there may reach. */
export function isPublic(ip: IpAddress): boolean {
  if (ip.version === 4) return !NOT_PUBLIC_4.some((network) => contains(network, ip));
  return contains(GLOBAL_6, ip) && !NOT_PUBLIC_6.some((network) => contains(network, ip));
}

function begin({ version, bits }: IpAddress, prefix: number): bigint {
  const rest = BigInt(WIDTH[version] - prefix);
  return (bits >> rest) << rest;
}

function bitsOf4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let bits = 0n;
  for (const part of parts) {
    // A zero in front means octal to some readers and nothing to others.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function bitsOf6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (head === undefined) return undefined;
  const last = (tail ?? head).at(-1);
  const four = last?.includes(".") ? bitsOf4(last) : undefined;
  if (last?.includes(".")) {
    if (four === undefined) return undefined;
    (tail ?? head).splice(-1, 1, (four >> 16n).toString(16), (four & 0xffffn).toString(16));
  }
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(tail === undefined ? 0 : missing).fill("0"), ...tail ?? []];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

function known(text: string): IpNetwork {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`Not a network: ${text}`);
  return network;
}
