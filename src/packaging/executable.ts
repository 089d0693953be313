import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Program } from "./program.ts";
import { type ArchiveFile, tar } from "./tar.ts";
import script from "./unpack.sh" with { type: "text" };

/** The program in one file: a shell script, followed by a compressed archive. The same input gives the same bytes. */
export function executable({ version, flags, deno, files }: Program): Uint8Array {
  const archive = tar([{ name: "deno", content: deno, executable: true }, ...files]);
  const values = {
    VERSION: version,
    HASH: createHash("sha256").update(archive).digest("hex").slice(0, 16),
    FILES: files.map(({ name }) => name).join(" "),
    STAMP: stamp(deno, files),
    FLAGS: flags.join(" "),
    LINES: String(script.split("\n").length),
  };
  const header = script.replace(/@([A-Z]+)@/g, (_, name: keyof typeof values) => values[name]);
  return Buffer.concat([Buffer.from(header), gzipSync(archive)]);
}

/** What the shell prints for `wc -c <deno && cat FILES | cksum` on intact files. */
function stamp(deno: Uint8Array, files: ArchiveFile[]): string {
  const all = Buffer.concat(files.map(({ content }) => content));
  return `${deno.length} ${cksum(all)} ${all.length}`;
}

/** The checksum of POSIX `cksum`: the CRC of the bytes, then of their number. */
function cksum(bytes: Uint8Array): number {
  let crc = 0;
  const add = (byte: number) => {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  };
  for (const byte of bytes) add(byte);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) add(length % 256);
  return ~crc >>> 0;
}
