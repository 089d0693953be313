import type { Json } from "../../domain/json.ts";
import { type ExecCommand, type ExecSlot, slotPattern, STDIN_PAYLOAD } from "./exec_config.ts";

/** A payload that does not fit its command. Retrying cannot help. */
export class BadPayload extends Error {
  override readonly name = "BadPayload";
}

/** What a payload makes of a command. */
export interface ExecInvocation {
  /** The arguments, exactly as the program gets them. */
  args: string[];
  /** What the program reads; undefined for nothing. */
  stdin: string | undefined;
}

const MAX_LENGTH = 4096;

/**
 * Fills the slots of a command. A value is put where the slot stands and nowhere else: it never becomes two arguments,
 * and at the start of an argument it cannot begin with `-` unless a `--` stands before it or the slot allows it.
 *
 * @throws {BadPayload} naming the slot and what is allowed.
 */
export function fillSlots(command: ExecCommand, payload: unknown): ExecInvocation {
  const slots = command.slots ?? {};
  const values = readValues(slots, payload);
  const args: string[] = [];
  let optionsEnded = false;
  for (const template of command.args ?? []) {
    const arg = fillArgument(template, slots, values, optionsEnded);
    if (arg !== undefined) args.push(arg);
    optionsEnded ||= template === "--";
  }
  return { args, stdin: readStdin(command.stdin, values) };
}

function readStdin(source: string | undefined, values: Map<string, string>): string | undefined {
  if (source === undefined) return undefined;
  return source === STDIN_PAYLOAD ? JSON.stringify(Object.fromEntries(values)) : values.get(source);
}

function fillArgument(
  template: string,
  slots: Record<string, ExecSlot>,
  values: Map<string, string>,
  optionsEnded: boolean,
): string | undefined {
  const named = [...template.matchAll(/\{(\w+)\}/g)].filter(([, name]) => Object.hasOwn(slots, name!));
  if (named.some(([, name]) => !values.has(name!))) return undefined;
  const arg = template.replace(/\{(\w+)\}/g, (text, name: string) => values.get(name) ?? text);
  const atStart = named.filter(({ index }) => onlySlotsBefore(template, index, slots));
  const mayDash = optionsEnded || atStart.length === 0 ||
    atStart.every(([, name]) => slots[name!]?.allowDash);
  if (arg.startsWith("-") && !mayDash) {
    throw new BadPayload(`The value of ${atStart[0]![1]} begins with "-" and could be taken for an option`);
  }
  return arg;
}

/** Whether nothing but slots stands before a place of a template: their values decide how the argument begins. */
function onlySlotsBefore(template: string, end: number, slots: Record<string, ExecSlot>): boolean {
  const rest = template.slice(0, end).replace(
    /\{(\w+)\}/g,
    (text, name: string) => Object.hasOwn(slots, name) ? "" : text,
  );
  return rest === "";
}

function readValues(slots: Record<string, ExecSlot>, payload: unknown): Map<string, string> {
  const given = payload ?? {};
  if (typeof given !== "object" || Array.isArray(given)) {
    throw new BadPayload("The payload's values are not an object");
  }
  const known = Object.keys(slots);
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(slots, name));
  if (unknown !== undefined) {
    throw new BadPayload(
      `Unknown slot ${JSON.stringify(unknown)}; ${
        known.length === 0 ? "there are none" : `known: ${known.join(", ")}`
      }`,
    );
  }
  const values = new Map<string, string>();
  for (const [name, slot] of Object.entries(slots)) {
    const raw = Object.hasOwn(given, name) ? (given as Record<string, Json>)[name] : undefined;
    const value = raw === undefined || raw === null ? slot.default : checkValue(name, slot, raw);
    if (value !== undefined) values.set(name, value);
    else if (slot.required !== false) throw new BadPayload(`The slot ${name} has no value`);
  }
  return values;
}

function checkValue(name: string, slot: ExecSlot, raw: Json): string {
  if (typeof raw === "object") {
    throw new BadPayload(`The value of ${name} is not text, a number or a boolean`);
  }
  const value = String(raw);
  const maxLength = slot.maxLength ?? MAX_LENGTH;
  if (value.length > maxLength) {
    throw new BadPayload(`The value of ${name} is longer than ${maxLength} characters`);
  }
  if (value.includes("\0")) throw new BadPayload(`The value of ${name} contains a NUL character`);
  if (slot.pattern !== undefined && !slotPattern(slot.pattern).test(value)) {
    throw new BadPayload(`The value of ${name} does not match ${slot.pattern}`);
  }
  return value;
}
