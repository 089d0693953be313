import { formatInstant } from "../../domain/instant.ts";

const UNITS: readonly [string, number][] = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000]];

/** A length of time as people say it: "340ms", "1.2s", "3m20s", "2h5m", "12d". */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)}s`;
  const [first, second] = largest(ms);
  return second === "" || ms >= 7 * 86_400_000 ? first : `${first}${second}`;
}

/** An instant seen from now: "3m ago", "in 2h5m", "now". What is to come is told more exactly than what was. */
export function relative(at: number, now: number): string {
  const distance = Math.abs(at - now);
  if (distance < 1_000) return "now";
  const whole = Math.floor(distance / 1_000) * 1_000;
  return at > now ? `in ${largest(whole).join("")}` : `${largest(whole)[0]} ago`;
}

/** An instant in full, and seen from now. */
export function instant(at: number, now: number): string {
  return `${formatInstant(at)} (${relative(at, now)})`;
}

/** "1 job", "2 jobs". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function largest(ms: number): [string, string] {
  const index = Math.max(0, UNITS.findIndex(([, size]) => ms >= size));
  const [unit, size] = UNITS[index] ?? ["s", 1_000];
  const next = UNITS[index + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % size) / next[1]);
  return [`${Math.floor(ms / size)}${unit}`, next === undefined || rest === 0 ? "" : `${rest}${next[0]}`];
}
