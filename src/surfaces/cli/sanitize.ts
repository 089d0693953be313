/**
 * What jobs print, throw and carry is data from strangers: a terminal would obey the control characters in it. All
 * text for people goes through this file; nothing else in the command line writes to the terminal.
 */

/** C0, DEL, C1, line and paragraph separators, and the controls of bidirectional text. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
/** The same without tab and line feed. */
const LINE_CONTROLS =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
/** Complete terminal sequences: CSI (colours, cursor), OSC and other strings (titles, links, clipboard), short ones. */
const SEQUENCES =
  // deno-lint-ignore no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-Z\\^-~]/g;

function escape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Text as one harmless line: every control character is written as `\uXXXX`. */
export function oneLine(text: string): string {
  return text.toWellFormed().replace(CONTROLS, escape);
}

/**
 * Text of several lines, such as a log: colours and other terminal sequences are taken out, carriage returns become
 * line ends, any other control character but tab is written as `\uXXXX`.
 */
export function severalLines(text: string): string {
  return text.toWellFormed().replace(SEQUENCES, "").replace(/\r\n?/g, "\n").replace(LINE_CONTROLS, escape);
}

/** JSON text in which control characters are escaped also where JSON would let them stand. */
export function safeJson(document: unknown, indent?: number): string {
  const text = JSON.stringify(document, null, indent) ?? "null";
  return text.replace(LINE_CONTROLS, escape);
}
