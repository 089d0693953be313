import { amount } from "../compare/tables.ts";
import { picture, short, text } from "./svg.ts";

/** One bar: the median, with a line from the lowest to the highest value. */
export interface Bar {
  label: string;
  kind: "own" | "peer" | "limit";
  value: number;
  least: number;
  most: number;
}

const WIDTH = 820;
const LEFT = 310;
const RIGHT = 90;
const TOP = 52;
const STEP = 28;
const THICK = 18;

/** Horizontal bars, one below the other. */
export function barChart(
  { title, unit, bars }: { title: string; unit: string; bars: Bar[] },
): string {
  const end = Math.max(...bars.map(({ most }) => most));
  const x = (value: number): number => LEFT + value / end * (WIDTH - LEFT - RIGHT);
  const height = TOP + bars.length * STEP + 10;
  const body = bars.flatMap((bar, index) => {
    const y = TOP + index * STEP;
    const middle = y + THICK / 2;
    const spread = bar.most > bar.least
      ? [`<path class="spread" d="M${short(x(bar.least))} ${middle}H${short(x(bar.most))}"/>`]
      : [];
    return [
      text(bar.label, { x: LEFT - 10, y: y + 14, end: true }),
      `<rect class="${bar.kind}" x="${LEFT}" y="${y}" width="${
        short(x(bar.value) - LEFT)
      }" height="${THICK}" rx="2"/>`,
      ...spread,
      text(amount(bar.value), { x: x(bar.most) + 8, y: y + 14 }),
    ];
  });
  return picture({
    width: WIDTH,
    height,
    title,
    body: [
      text(title, { x: 10, y: 22, kind: "title" }),
      text(`${unit}; median, line from lowest to highest`, { x: 10, y: 40, kind: "quiet" }),
      ...body,
    ],
  });
}
