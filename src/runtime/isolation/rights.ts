import type { FailureRecord } from "../../domain/job.ts";
import type { Isolation } from "./isolation.ts";

/** The flags that give a Deno process exactly these rights. */
export function rightFlags(permissions: Isolation["permissions"]): string[] {
  return Object.entries(permissions).map(([name, right]) =>
    right === true ? `--allow-${name}` : `--allow-${name}=${right.map(flagValue).join(",")}`
  );
}

/** Deno reads a doubled comma as one that belongs to the value. */
function flagValue(value: string): string {
  return value.replaceAll(",", ",,");
}

/** The code of failures through a right that the handler does not have. */
export const PERMISSION_DENIED = "permission_denied";

const REFUSAL =
  /^Requires (\w+) access(?: to "([^]*)")?, (?:run again with the --allow-|specify the required permissions)/;

/** A failure of a handler that lacks a right, as one that says what to declare; undefined for other failures. */
export function refusalOf(thrown: unknown): FailureRecord | undefined {
  const refused = notCapable(thrown);
  if (refused === undefined) return undefined;
  const [, right = "", target] = REFUSAL.exec(refused.message) ?? [];
  const record = {
    code: PERMISSION_DENIED,
    data: { right, target: target ?? null },
    ...(refused.stack === undefined ? {} : { stack: refused.stack }),
  };
  if (right === "" || right === "all") {
    return { ...record, message: `${refused.message} (no entry of \`permissions\` gives that right)` };
  }
  const what = target === undefined ? `all ${right} access` : `${right} access to ${JSON.stringify(target)}`;
  const entry = target === undefined ? `${right}: true` : `${right}: [${JSON.stringify(target)}]`;
  return {
    ...record,
    message: `The handler lacks a right: ${what}; to give it, add \`${entry}\` to its \`permissions\``,
  };
}

/** What was thrown, or what caused it. Dynamic imports throw a TypeError with the same words. */
function notCapable(thrown: unknown): Error | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if (error instanceof Deno.errors.NotCapable || REFUSAL.test(error.message)) return error;
  }
  return undefined;
}
