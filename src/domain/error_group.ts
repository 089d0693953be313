import type { Job } from "./job.ts";
import { sha256 } from "./sha256.ts";

/** Dead letters that failed for the same reason. */
export interface ErrorGroup {
  /** Names the group: everywhere the same. */
  key: string;
  /** The type of its jobs. */
  type: string;
  /** The code of their failure. */
  code: string;
  /** The first line of their messages, without what differs from job to job. */
  message: string;
}

/** What tells failures of the same kind apart: ids, addresses, numbers, quoted values. The longest forms come first. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<id>"],
  [/"[^"]*"|'[^']*'|`[^`]*`/g, "<text>"],
  [/\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b/gi, "<hex>"],
  [/\d+(?:[.,:]\d+)*/g, "<n>"],
];
const MESSAGE_MAX = 200;
const KEY_LENGTH = 12;

/** The group of a dead letter: by its type, the code of its failure, and the kind of its message. */
export function errorGroupOf({ type, error }: Pick<Job, "type" | "error">): ErrorGroup {
  const code = error?.code ?? "none";
  const message = kindOf(error?.message ?? "");
  return { key: sha256(`${type}\n${code}\n${message}`).slice(0, KEY_LENGTH), type, code, message };
}

function kindOf(message: string): string {
  const [line = ""] = message.trim().split("\n", 1);
  const kind = VARYING.reduce(
    (text, [pattern, word]) => text.replace(pattern, word),
    line.slice(0, 4 * MESSAGE_MAX),
  );
  return kind.slice(0, MESSAGE_MAX).toWellFormed();
}
