import type { JobState } from "../../domain/states.ts";

/** How a piece of text looks on a terminal. */
export type Style = "plain" | "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan" | "magenta";

/** Text with a look. The text is data: it is made harmless when it is written. */
export interface Styled {
  /** The text. */
  text: string;
  /** The look. */
  style: Style;
}

/** A piece of a line. */
export type Part = string | Styled;

const CODES: Record<Style, number> = {
  plain: 0,
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
};

/** Gives text a look. */
export function styled(style: Style, text: string): Styled {
  return { text, style };
}

/** Text (already harmless) with the terminal codes of a style, or as it is without colour. */
export function paint(text: string, style: Style, colour: boolean): string {
  return colour && style !== "plain" && text !== "" ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

/** The text of a part. */
export function textOf(part: Part): string {
  return typeof part === "string" ? part : part.text;
}

/** The style of a part. */
export function styleOf(part: Part): Style {
  return typeof part === "string" ? "plain" : part.style;
}

const STATE_STYLES: Record<JobState, Style> = {
  scheduled: "cyan",
  blocked: "magenta",
  available: "blue",
  running: "yellow",
  completed: "green",
  dead: "red",
  cancelled: "dim",
  expired: "dim",
};

/** A state in its colour; a scheduled job that failed before is shown as retrying. */
export function stateOf(job: { state: JobState; failures: number }): Styled {
  if (job.state === "scheduled" && job.failures > 0) return styled("yellow", "retrying");
  return styled(STATE_STYLES[job.state], job.state);
}
