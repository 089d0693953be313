import type { Series } from "../runtime/series.ts";
import { iso, type View } from "./views.ts";

/** A series, for JSON. */
export function seriesView({ metric, from, to, stepMs, points }: Series): View {
  return {
    metric,
    from: iso(from),
    to: iso(to),
    stepMs,
    points: points.map(({ at, ...point }) => ({ at: iso(at), ...point })),
  };
}
