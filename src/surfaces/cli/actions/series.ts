import { formatDuration } from "../../../domain/duration.ts";
import type { SeriesMetric } from "../../../domain/series.ts";
import type { Series } from "../../../runtime/series.ts";
import { seriesView } from "../../series_view.ts";
import { iso } from "../../views.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { span } from "../format.ts";
import type { Output } from "../output.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";

type SeriesInput = Input<{
  metric: OptionSpec<SeriesMetric>;
  since: OptionSpec<number>;
  step: OptionSpec<number | undefined>;
  queue: OptionSpec<string | undefined>;
  type: OptionSpec<string | undefined>;
}>;

const TITLES: Record<SeriesMetric, string> = {
  throughput: "Ended runs",
  failures: "Failed runs",
  wait: "Waiting times of runs that ended",
  run: "Run times",
};

/** `jobd series` */
export async function showSeries({ options }: SeriesInput, context: Context): Promise<void> {
  const { out } = context;
  const { since, ...rest } = options;
  const jobd = await context.jobd();
  const to = jobd.now();
  const series: Series = await jobd.series({ ...compact(rest), from: to - since, to });
  if (out.json) out.document(seriesView(series));
  else print(out, series);
}

function print(out: Output, { metric, stepMs, points }: Series): void {
  out.line(styled("bold", `${TITLES[metric]}, by steps of ${formatDuration(stepMs)} in UTC`));
  const most = Math.max(1, ...points.map(({ count }) => count));
  const ms = (value: number | null): string => value === null ? "" : span(value);
  const rows = points.map((point) => [
    iso(point.at) ?? "",
    point.stepMs === stepMs ? "" : formatDuration(point.stepMs),
    String(point.count),
    ..."p50" in point ? [ms(point.p50), ms(point.p95), ms(point.p99)] : [outcomes(point.outcomes)],
    "█".repeat(Math.ceil((point.count / most) * 20)),
  ]);
  const right = (title: string) => ({ title, align: "right" as const });
  out.table([
    { title: "FROM" },
    { title: "STEP" },
    right("RUNS"),
    ...metric === "wait" || metric === "run"
      ? [right("p50"), right("p95"), right("p99")]
      : [{ title: "OUTCOMES", shrinks: true }],
    { title: "" },
  ], rows);
}

function outcomes(counts: Record<string, number>): string {
  return Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`).join(", ");
}
