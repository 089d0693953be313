import type { Point } from "../compare/case.ts";
import { amount } from "../compare/tables.ts";
import { picture, short, text } from "./svg.ts";

/** One line of a plot over time. */
export interface Line {
  label: string;
  points: Point[];
}

const WIDTH = 820;
const HEIGHT = 320;
const LEFT = 70;
const RIGHT = 20;
const TOP = 60;
const BOTTOM = 40;
const TICKS = 4;

/** Jobs a second over time; the time in which something was held has a ground of its own. */
export function lineChart({ title, lines }: { title: string; lines: Line[] }): string {
  const all = lines.flatMap(({ points }) => points);
  const end = Math.max(...all.map(({ at }) => at));
  const top = round(Math.max(...all.map(({ rate }) => rate)));
  const held = Math.max(0, ...all.filter(({ phase }) => phase === "before").map(({ at }) => at));
  const x = (at: number): number => LEFT + at / end * (WIDTH - LEFT - RIGHT);
  const y = (rate: number): number => HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM);
  const axis = Array.from({ length: TICKS + 1 }, (_, index) => {
    const rate = top / TICKS * index;
    return [
      `<path class="axis" d="M${LEFT} ${short(y(rate))}H${WIDTH - RIGHT}"/>`,
      text(amount(rate), { x: LEFT - 8, y: y(rate) + 4, kind: "quiet", end: true }),
    ];
  });
  const drawn = lines.map(({ points }, number) =>
    `<path class="line line-${number}" d="${
      points.map(({ at, rate }, index) => `${index === 0 ? "M" : "L"}${short(x(at))} ${short(y(rate))}`).join(
        "",
      )
    }"/>`
  );
  const legend = lines.flatMap(({ label }, number) => {
    const at = 12 + number * 250;
    return [
      `<path class="line line-${number}" d="M${at} 42h24"/>`,
      text(label, { x: at + 30, y: 46 }),
    ];
  });
  return picture({
    width: WIDTH,
    height: HEIGHT,
    title,
    body: [
      `<rect class="held" x="${short(x(held))}" y="${TOP}" width="${short(x(end) - x(held))}" height="${
        HEIGHT - TOP - BOTTOM
      }"/>`,
      text(title, { x: 10, y: 22, kind: "title" }),
      ...axis.flat(),
      ...drawn,
      ...legend,
      text("jobs/s over seconds; shaded: held", { x: LEFT, y: HEIGHT - 12, kind: "quiet" }),
      text(`${Math.round(end)} s`, { x: WIDTH - RIGHT, y: HEIGHT - 12, kind: "quiet", end: true }),
    ],
  });
}

/** The next 1, 2, 4 or 5 with zeros. */
function round(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10);
}
