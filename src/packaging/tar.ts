/** One file of an archive. */
export interface ArchiveFile {
  /** Its path in the archive, below 100 characters. */
  name: string;
  /** What is in it. */
  content: Uint8Array;
  /** True when it can be run. */
  executable: boolean;
}

const BLOCK = 512;

/** A file of text. */
export function textFile(name: string, text: string): ArchiveFile {
  return { name, content: new TextEncoder().encode(text), executable: false };
}

/** A tar archive (ustar) of the files, without owners and times: the same files always give the same bytes. */
export function tar(files: ArchiveFile[]): Uint8Array<ArrayBuffer> {
  const sizes = files.map(({ content }) => BLOCK + padded(content.length));
  const archive = new Uint8Array(sizes.reduce((sum, size) => sum + size, 2 * BLOCK));
  let offset = 0;
  for (const [index, file] of files.entries()) {
    archive.set(header(file), offset);
    archive.set(file.content, offset + BLOCK);
    offset += sizes[index] ?? 0;
  }
  return archive;
}

/** The plain files of such an archive. */
export function untar(archive: Uint8Array): ArchiveFile[] {
  const files: ArchiveFile[] = [];
  for (let offset = 0; archive[offset];) {
    const text = (at: number, length: number): string =>
      new TextDecoder().decode(archive.subarray(offset + at, offset + at + length)).replace(/\0[^]*/, "");
    const [size, mode] = [parseInt(text(124, 12), 8), parseInt(text(100, 8), 8)];
    const content = archive.slice(offset + BLOCK, offset + BLOCK + size);
    // Older archives mark plain files with a NUL.
    if (["0", ""].includes(text(156, 1))) {
      files.push({ name: text(0, 100), content, executable: (mode & 0o100) !== 0 });
    }
    offset += BLOCK + padded(size);
  }
  return files;
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function header({ name, content, executable }: ArchiveFile): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (offset: number, text: string) => block.set(new TextEncoder().encode(text), offset);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, name);
  put(100, executable ? "0000700" : "0000600");
  put(108, octal(0, 7)); // owner
  put(116, octal(0, 7)); // group
  put(124, octal(content.length, 11));
  put(136, octal(0, 11)); // time
  put(148, " ".repeat(8)); // the checksum counts as blanks while it is computed
  put(156, "0"); // a plain file
  put(257, "ustar\x0000");
  put(148, `${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `);
  return block;
}
