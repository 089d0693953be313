import { JobdError, messageOf } from "../../../domain/errors.ts";
import type { Host } from "../host.ts";

/** The longest text that is read as one payload, in bytes; a payload may have 256 KiB, its JSON text some more. */
const TEXT_MAX = 4 * 1024 * 1024;

/** Where a payload is, as `--payload` says: the text itself, `@FILE`, or `-` for stdin. */
export type PayloadSource = { kind: "text"; text: string } | { kind: "file"; path: string } | {
  kind: "stdin";
};

/** Reads the value of `--payload`. */
export function payloadSource(given: string): PayloadSource {
  if (given === "-") return { kind: "stdin" };
  if (given.startsWith("@")) return { kind: "file", path: given.slice(1) };
  return { kind: "text", text: given };
}

/** The source as it stands in messages. */
export function sourceName(source: PayloadSource): string {
  return source.kind === "file" ? source.path : source.kind === "stdin" ? "stdin" : "--payload";
}

/** The text of a source as it streams in. @throws {JobdError} `not_found`, `invalid_request` */
export async function* readSource(source: PayloadSource, host: Host): AsyncGenerator<string> {
  if (source.kind === "text") {
    yield source.text;
    return;
  }
  const stream = source.kind === "stdin" ? host.stdin.stream() : await openFile(source.path, host);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const bytes of stream) yield decoder.decode(bytes, { stream: true });
    yield decoder.decode();
  } catch (error) {
    throw new JobdError("invalid_request", `${sourceName(source)} cannot be read: ${readable(error)}`, {
      cause: error,
    });
  }
}

/** The whole text of a source. @throws {JobdError} `invalid_request` when it is too long to be a payload */
export async function readWhole(source: PayloadSource, host: Host): Promise<string> {
  let text = "";
  for await (const part of readSource(source, host)) {
    text += part;
    if (text.length > TEXT_MAX) {
      throw new JobdError(
        "invalid_request",
        `${sourceName(source)} is too long for a payload: more than ${TEXT_MAX} bytes`,
        {
          hint: "For one job for each line, give --bulk.",
        },
      );
    }
  }
  return text.replace(/^\uFEFF/, "");
}

async function openFile(path: string, host: Host): Promise<ReadableStream<Uint8Array>> {
  try {
    return await host.files.open(path);
  } catch (error) {
    throw new JobdError(
      "invalid_request",
      `The payload file ${JSON.stringify(path)} cannot be read: ${readable(error)}`,
      {
        hint: "Check the path after @; it is seen from the directory in which jobd runs.",
        cause: error,
      },
    );
  }
}

function readable(error: unknown): string {
  return error instanceof TypeError ? "it is not UTF-8 text" : messageOf(error);
}
