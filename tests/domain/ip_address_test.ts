import assert from "node:assert/strict";
import fc from "fast-check";
import { contains, isPublic, parseIp, parseNetwork } from "../../src/domain/ip_address.ts";

function isPublicText(text: string): boolean {
  const ip = parseIp(text);
  assert.ok(ip, `${text} is an address`);
  return isPublic(ip);
}

Deno.test("what is not public", () => {
  const inside = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "0:0:0:0:0:ffff:7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
  ];
  assert.deepEqual(inside.filter(isPublicText), []);
});

Deno.test("what is public", () => {
  const outside = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
  ];
  assert.deepEqual(outside.filter((text) => !isPublicText(text)), []);
});

Deno.test("only the usual forms of an address are read", () => {
  const none = [
    "",
    "1",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.01",
    "127.0.0.256",
    "1.2.3.4.",
    " 1.2.3.4",
    "1.2.3.4\n",
    "::1%eth0",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "::g",
    "::1.2.3",
    "1.2.3.4::",
    "[::1]",
  ];
  assert.deepEqual(none.filter((text) => parseIp(text) !== undefined), []);
});

Deno.test("what a URL makes of an address is read, and as the same address", () => {
  fc.assert(fc.property(fc.ipV4(), fc.ipV6(), (four, six) => {
    const host4 = new URL(`http://${four}/`).hostname;
    assert.deepEqual(parseIp(host4), parseIp(four));
    const host6 = new URL(`http://[${six}]/`).hostname.slice(1, -1);
    assert.ok(parseIp(six), six);
    assert.deepEqual(parseIp(host6), parseIp(six));
  }));
});

Deno.test("networks", () => {
  const inside = (network: string, text: string): boolean => {
    const [net, ip] = [parseNetwork(network), parseIp(text)];
    assert.ok(net && ip, `${network} ${text}`);
    return contains(net, ip);
  };
  assert.ok(inside("10.1.0.0/16", "10.1.255.255"));
  assert.ok(!inside("10.1.0.0/16", "10.2.0.0"));
  assert.ok(inside("0.0.0.0/0", "255.1.2.3"));
  assert.ok(inside("::1", "::1"));
  assert.ok(!inside("::1", "::2"));
  assert.ok(!inside("::/0", "127.0.0.1"), "the versions do not meet");
  assert.ok(!inside("127.0.0.0/8", "::ffff:127.0.0.1"), "not in a mapped address either");
  assert.ok(inside("fd00::/8", "fdff::1"));
  for (const wrong of ["10.0.0.0/33", "::/129", "10.1.2.3/8", "10.0.0.0/", "/8", "host/8", "10.0.0.0/8/8"]) {
    assert.equal(parseNetwork(wrong), undefined, wrong);
  }
});
