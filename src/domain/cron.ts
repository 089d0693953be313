import { Cron } from "croner";
import { JobdError, messageOf, show } from "./errors.ts";

// croner reads expressions and walks a calendar that has no clock changes. Time zones are none of its business here: what
// happens when clocks change is decided in zoned_cron.ts.

/** Longest expression, in characters. */
const LENGTH_MAX = 256;
const HOURS = 24;
const DAY_MS = 86_400_000;

/**
 * A cron expression: minute, hour, day of the month, month, day of the week; optionally seconds in front of them and a year
 * behind them; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. Lists, ranges, steps, names (`MON`, `JAN`), `L`
 * (last), `15W` (nearest weekday), `MON#2` (second Monday). When both days are given, one of them is enough; with `+` before
 * the day of the week both must hold.
 */
export class CronPattern {
  /** Whether it names no hours: then it goes by the time that passes, not by the clock on the wall. */
  readonly everyHour: boolean;
  readonly #cron: Cron;

  private constructor(cron: Cron, everyHour: boolean) {
    this.#cron = cron;
    this.everyHour = everyHour;
  }

  /** Reads an expression. @throws {JobdError} `invalid_request` saying what is wrong with it */
  static parse(text: unknown): CronPattern {
    const pattern = read(text);
    const cron = calendar(pattern);
    const fields = (cron.getPattern() ?? pattern).trim().split(/\s+/);
    const hour = fields[fields.length > 5 ? 2 : 1] ?? "*";
    return new CronPattern(cron, coversDay(hour));
  }

  /**
   * The first time after this one that fits, on a clock that is never changed; null when there is none. Whole seconds.
   *
   * @param after what the clock shows, as if it were UTC, in epoch milliseconds
   */
  next(after: number): number | null {
    return this.#cron.nextRun(new Date(after))?.getTime() ?? null;
  }
}

function read(text: unknown): string {
  const fits = typeof text === "string" && text.length <= LENGTH_MAX;
  // Without this a date would be taken for an expression that fits once.
  if (fits && (/^@[a-z]+$/i.test(text.trim()) || /^\S+(\s+\S+){4,6}$/.test(text.trim()))) return text;
  throw wrong(text, "it has not five to seven fields");
}

function calendar(pattern: string): Cron {
  try {
    return new Cron(pattern, { utcOffset: 0, paused: true });
  } catch (error) {
    throw wrong(pattern, messageOf(error).replace(/^CronPattern: /, ""));
  }
}

/** Whether an hour field fits every hour, however it is written. A step such as every second hour names hours by the clock. */
function coversDay(hour: string): boolean {
  const cron = calendar(`0 0 ${hour} * * *`);
  const runs = cron.nextRuns(HOURS + 1, new Date(-1));
  return (runs[HOURS]?.getTime() ?? 0) === DAY_MS;
}

function wrong(text: unknown, why: string): JobdError {
  return new JobdError("invalid_request", `Invalid cron expression ${show(text)}: ${why}`, {
    hint:
      'Write minute, hour, day, month, weekday, such as "30 2 * * MON-FRI"; seconds may stand in front of them.',
  });
}
