import { z } from "zod";
import { parseDuration } from "../../domain/duration.ts";
import { SERIES_METRICS } from "../../domain/series.ts";
import { seriesView } from "../series_view.ts";
import { given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { duration, instant, name, time } from "./schemas/common.ts";

const ms = z.number().nullable();
const outcomes = z.record(z.string(), z.int());
const step = { at: instant, stepMs: z.int(), count: z.int() };
const points = z.array(z.union([
  z.object({ ...step, outcomes, perMinute: z.number() }).meta({ id: "ThroughputPoint" }),
  z.object({ ...step, total: z.int(), outcomes }).meta({ id: "FailuresPoint" }),
  z.object({
    ...step,
    p50: ms,
    p95: ms,
    p99: ms,
    buckets: z.array(z.object({ upTo: z.int(), count: z.int() })).meta({
      description: "how many took up to so many milliseconds, and longer than those of the bucket before",
    }),
  }).meta({ id: "TimesPoint" }),
]));

/** How something went over time. */
export const SERIES_OPERATIONS: readonly Operation[] = [
  operation({
    name: "stats.series",
    summary: "Throughput, failures, waiting or run times over time, in steps",
    role: "read",
    http: { method: "get", path: "/stats/series" },
    tool: "get_stats_series",
    input: z.strictObject({
      metric: z.enum(SERIES_METRICS).default("throughput"),
      from: time.optional().meta({
        description: "default a day before `to`; goes back to the start of a step",
      }),
      to: time.optional().meta({ description: "default now" }),
      step: duration.optional().meta({
        description: "time of one point, in whole minutes; default one that makes about a hundred points",
      }),
      queue: name.optional(),
      type: name.optional(),
    }),
    output: z.object({
      metric: z.enum(SERIES_METRICS),
      from: instant,
      to: instant,
      stepMs: z.int(),
      points: points.meta({
        description: "one for each step, oldest first; `stepMs` is longer where only that is known",
      }),
    }).meta({ id: "Series" }),
    async run({ jobd }, { step, ...input }) {
      const stepMs = step === undefined ? undefined : parseDuration(step, "step");
      return seriesView(await jobd.series(given({ ...input, step: stepMs })));
    },
  }),
];
