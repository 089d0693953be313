import assert from "node:assert/strict";
import { formatInstant } from "../../src/domain/instant.ts";
import { TimeZone } from "../../src/domain/time_zone.ts";
import { ZonedCron } from "../../src/domain/zoned_cron.ts";
import { TableClock, type TableZone, zoneTable } from "./zone_table.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const [FROM, TO] = [Date.UTC(2024, 0, 1), Date.UTC(2038, 0, 1)];
const zones = await zoneTable();

/** Expressions, and what they say, written out by hand. */
const RULES: Record<
  string,
  { names: boolean; fits(hour: number, minute: number, weekday: number): boolean }
> = {
  "30 2 * * *": { names: true, fits: (h, m) => h === 2 && m === 30 },
  "0 0 * * *": { names: true, fits: (h, m) => h === 0 && m === 0 },
  "15 1 * * *": { names: true, fits: (h, m) => h === 1 && m === 15 },
  "45 23 * * *": { names: true, fits: (h, m) => h === 23 && m === 45 },
  "*/20 2 * * *": { names: true, fits: (h, m) => h === 2 && m % 20 === 0 },
  "* 1-3 * * *": { names: true, fits: (h) => h >= 1 && h <= 3 },
  "0 2,3 * * *": { names: true, fits: (h, m) => (h === 2 || h === 3) && m === 0 },
  "0 */2 * * *": { names: true, fits: (h, m) => h % 2 === 0 && m === 0 },
  "30 0 * * SUN": { names: true, fits: (h, m, day) => h === 0 && m === 30 && day === 0 },
  "0 * * * *": { names: false, fits: (_, m) => m === 0 },
  "*/30 * * * *": { names: false, fits: (_, m) => m % 30 === 0 },
  "17 0-23 * * SUN,MON": { names: false, fits: (_, m, day) => m === 17 && day <= 1 },
};

/** The rules about changed clocks, applied to each minute: nothing of how it is done in the program. */
function expected(zone: TableZone, rule: (typeof RULES)[string], from: number, to: number): string[] {
  const clock = new TableClock(zone);
  const fits = (shown: number): boolean => {
    const date = new Date(shown);
    return rule.fits(date.getUTCHours(), date.getUTCMinutes(), date.getUTCDay());
  };
  const ticks: string[] = [];
  for (let minute = from; minute <= to; minute += MINUTE) {
    const plain = fits(clock.shows(minute)) && !(rule.names && clock.isRepeat(minute));
    if (plain || (rule.names && clock.gapAt(minute).some(fits))) ticks.push(formatInstant(minute));
  }
  return ticks;
}

function actual(cron: ZonedCron, from: number, to: number): string[] {
  const ticks: string[] = [];
  for (let tick = cron.next(from - 1); tick !== null && tick <= to; tick = cron.next(tick)) {
    ticks.push(formatInstant(tick));
  }
  return ticks;
}

Deno.test("the zones of the runtime change their clocks when the table says so", () => {
  for (const { name, changes } of zones) {
    const zone = TimeZone.of(name);
    for (const [index, { at, offset }] of changes.entries()) {
      assert.equal(zone.spanAt(at).offset, offset, `${name} at ${formatInstant(at)}`);
      if (index > 0) {
        assert.equal(
          zone.spanAt(at - 1).offset,
          changes[index - 1]?.offset,
          `${name} before ${formatInstant(at)}`,
        );
      }
    }
  }
});

Deno.test("40 zones from 2024 to 2037: around each change of clocks all ticks are those of an independent table", () => {
  assert.equal(zones.length, 40);
  let compared = 0;
  for (const zone of zones) {
    for (const [expression, rule] of Object.entries(RULES)) {
      const cron = ZonedCron.of(expression, zone.name);
      for (const { at } of zone.changes.slice(1)) {
        const [from, to] = [at - 4 * HOUR, at + 8 * HOUR];
        const ticks = actual(cron, from, to);
        assert.deepEqual(ticks, expected(zone, rule, from, to), `${expression} in ${zone.name}`);
        compared += ticks.length;
      }
    }
  }
  assert.ok(compared > 50_000, `${compared} ticks`);
});

Deno.test("40 zones from 2024 to 2037: a time of day comes exactly once on each day", () => {
  for (const zone of zones) {
    const clock = new TableClock(zone);
    const cron = ZonedCron.of("30 2 * * *", zone.name);
    let tick = cron.next(FROM);
    let days = 0;
    let day: number | undefined;
    for (; tick !== null && tick < TO; tick = cron.next(tick)) {
      const shown = clock.shows(tick);
      const today = Math.floor(shown / DAY);
      if (day !== undefined) assert.equal(today, day + 1, `${zone.name} ${formatInstant(tick)}`);
      const ofDay = shown - today * DAY;
      const inGap = clock.gapAt(tick).some((time) => time % DAY === 2 * HOUR + 30 * MINUTE);
      assert.ok(ofDay === 2 * HOUR + 30 * MINUTE || inGap, `${zone.name} ${formatInstant(tick)}`);
      day = today;
      days++;
    }
    assert.ok(days >= 5_113 && days <= 5_115, `${zone.name}: ${days} days`);
  }
});

Deno.test("asked from within a gap, an overlap, or any other moment, the answer is the next tick", () => {
  const [zone] = zones.filter(({ name }) => name === "Europe/Berlin") as [TableZone];
  for (const [expression, rule] of Object.entries(RULES)) {
    const cron = ZonedCron.of(expression, zone.name);
    for (const { at } of zone.changes.slice(1, 5)) {
      const ticks = expected(zone, rule, at - 3 * HOUR, at + 8 * DAY);
      for (let from = at - 3 * HOUR; from < at + 3 * HOUR; from += 7 * MINUTE + 311) {
        const next: string | undefined = ticks.find((tick) => Date.parse(tick) > from);
        assert.equal(formatInstant(cron.next(from) ?? 0), next, `${expression} from ${formatInstant(from)}`);
      }
    }
  }
});

Deno.test("what is rare is found, and what never comes is null", () => {
  const next = (expression: string, zone: string, from: string): string | null => {
    const found = ZonedCron.of(expression, zone).next(Date.parse(from));
    return found === null ? null : formatInstant(found);
  };
  assert.equal(next("0 0 29 2 *", "Asia/Tokyo", "2026-01-01T00:00:00Z"), "2028-02-28T15:00:00.000Z");
  assert.equal(next("0 0 29 2 +MON", "UTC", "2028-03-01T00:00:00Z"), "2044-02-29T00:00:00.000Z");
  assert.equal(
    next("0 0 0 1 1 * 2030", "America/New_York", "2026-01-01T00:00:00Z"),
    "2030-01-01T05:00:00.000Z",
  );
  assert.equal(next("0 0 0 1 1 * 2030", "America/New_York", "2030-01-01T05:00:00Z"), null);
  assert.equal(next("0 0 30 2 *", "Europe/Berlin", "2026-01-01T00:00:00Z"), null);
  assert.equal(next("0 12 L * *", "UTC", "2026-02-01T00:00:00Z"), "2026-02-28T12:00:00.000Z");
  assert.equal(next("0 12 * * MON#2", "UTC", "2026-01-01T00:00:00Z"), "2026-01-12T12:00:00.000Z");
  assert.equal(next("15 */10 * * * *", "UTC", "2026-01-01T00:00:15Z"), "2026-01-01T00:10:15.000Z");
});

Deno.test("bad expressions and zones say what is wrong with them", () => {
  const refused = (expression: unknown, zone: unknown, message: RegExp): void => {
    assert.throws(() => ZonedCron.of(expression, zone), { code: "invalid_request", message });
  };
  refused("", "UTC", /"" *: it has not five to seven fields/);
  refused("* * * *", "UTC", /five to seven/);
  refused("2026-01-01T00:00:00", "UTC", /five to seven/);
  refused(`${"1,".repeat(200)}1 * * * *`, "UTC", /five to seven/);
  refused(7, "UTC", /7: it has not five/);
  refused("60 * * * *", "UTC", /minute/);
  refused("* 24 * * *", "UTC", /hour/);
  refused("*/0 * * * *", "UTC", /stepping/);
  refused("@reboot", "UTC", /not supported/);
  refused("0 0 * * *", "Europe/Nowhere", /Unknown time zone "Europe\/Nowhere"/);
  refused("0 0 * * *", "", /Unknown time zone ""/);
  refused("0 0 * * *", 7, /Unknown time zone 7/);
});
