/**
 * A JSON document as YAML, in blocks. Texts are in double quotes, in which both languages mean the same, unless they are plain
 * words that no version of YAML takes for anything else.
 */
export function toYaml(value: unknown): string {
  return `${lines(value, "").join("\n")}\n`;
}

/** Short plain words for names; `yes`, `on`, `null` and their like mean something else to some readers. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]{2,}$/;
const WORDS = /^(?:true|false|null|yes|off)$/i;

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => {
      const [first = "", ...rest] = lines(item, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  if (isObject(value) && Object.keys(value).length > 0) {
    return Object.entries(value).filter(([, item]) => item !== undefined).flatMap(([key, item]) => {
      const name = `${indent}${scalar(key)}:`;
      return isBlock(item) ? [name, ...lines(item, `${indent}  `)] : [`${name} ${scalar(item)}`];
    });
  }
  return [`${indent}${scalar(value)}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isBlock(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function scalar(value: unknown): string {
  if (typeof value === "string" && PLAIN.test(value) && !WORDS.test(value)) return value;
  // Line separators are line ends to YAML, also between quotes.
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
