import { JobdError, show } from "./errors.ts";

const DAY_MS = 86_400_000;
/** No zone keeps an offset for less than a day, so a look at each day meets every change. */
const STEP_MS = DAY_MS;
/** Offsets are found out for so much time at once. */
const WINDOW_MS = 32 * DAY_MS;
/** Windows of a zone that are kept: more than thirty years. */
const WINDOWS_MAX = 400;
const ZONES_MAX = 1_000;

/** A time during which the clocks of a zone are not changed; the next one may have the same offset. */
export interface ZoneSpan {
  /** Its first instant, epoch milliseconds. */
  start: number;
  /** The first instant after it. */
  end: number;
  /** What clocks show less UTC, in milliseconds. */
  offset: number;
}

/** The offsets of an IANA time zone, as Deno knows them. */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat;
  readonly #windows = new Map<number, ZoneSpan[]>();

  private constructor(format: Intl.DateTimeFormat) {
    this.#format = format;
  }

  /** The zone of that name. @throws {JobdError} `invalid_request` when there is none */
  static of(name: unknown): TimeZone {
    const known = zones.get(name);
    if (known !== undefined) return known;
    const zone = new TimeZone(formatFor(name));
    if (zones.size >= ZONES_MAX) zones.clear();
    zones.set(name, zone);
    return zone;
  }

  /** The span in which an instant lies. */
  spanAt(at: number): ZoneSpan {
    const number = Math.floor(at / WINDOW_MS);
    const spans = this.#windows.get(number) ?? this.#measure(number);
    return spans.find(({ end }) => at < end) as ZoneSpan;
  }

  #measure(number: number): ZoneSpan[] {
    const spans: ZoneSpan[] = [];
    const stop = (number + 1) * WINDOW_MS;
    let start = number * WINDOW_MS;
    let offset = this.#offset(start);
    for (let from = start; from < stop; from += STEP_MS) {
      const then = this.#offset(from + STEP_MS);
      if (then === offset) continue;
      const end = this.#changeBetween(from, from + STEP_MS, offset);
      if (end >= stop) break;
      spans.push({ start, end, offset });
      [start, offset] = [end, then];
    }
    spans.push({ start, end: stop, offset });
    if (this.#windows.size >= WINDOWS_MAX) this.#windows.clear();
    this.#windows.set(number, spans);
    return spans;
  }

  /** The first instant in a time of at most a step at which the offset is another one. Changes are made on full seconds. */
  #changeBetween(from: number, to: number, offset: number): number {
    let [low, high] = [Math.floor(from / 1_000), Math.ceil(to / 1_000)];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offset(middle * 1_000) === offset) low = middle;
      else high = middle;
    }
    return high * 1_000;
  }

  #offset(at: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(at)) part[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = part;
    const shown = Date.UTC(year, month - 1, day, hour, minute, second);
    return shown - Math.floor(at / 1_000) * 1_000;
  }
}

const zones = new Map<unknown, TimeZone>();

function formatFor(name: unknown): Intl.DateTimeFormat {
  try {
    // Offsets such as "+02:00" are taken too, but are no place whose clocks are changed; they are fine.
    if (typeof name !== "string" || name === "") throw new RangeError();
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    throw new JobdError("invalid_request", `Unknown time zone ${show(name)}`, {
      hint: 'Use a name of the IANA database such as "Europe/Berlin", "America/New_York" or "UTC".',
    });
  }
}
