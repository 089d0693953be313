import { addHistograms, quantile } from "../../../domain/histogram.ts";
import { sleep } from "../../../domain/clock.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Stats } from "../../../runtime/jobd_options.ts";
import type { StatRow } from "../../../domain/stat.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { span } from "../format.ts";
import type { Output } from "../output.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";
import { COUNTED, countText } from "./queues.ts";
import { countsView, iso } from "../../views.ts";

type StatsInput = Input<
  {
    since: OptionSpec<number>;
    step: OptionSpec<number | undefined>;
    watch: OptionSpec<boolean>;
    interval: OptionSpec<number>;
  }
>;

/** `jobd stats` */
export async function showStats({ options }: StatsInput, context: Context): Promise<void> {
  const { out, host } = context;
  const jobd = await context.jobd();
  const { step } = options;
  const read = (): Promise<Stats> => jobd.stats({ sinceMs: options.since, ...compact({ stepMs: step }) });
  const over: Span = { sinceMs: options.since, stepMs: step };
  if (!options.watch) return print(out, jobd, await read(), over);
  const stop = AbortSignal.any([context.interrupted(), out.closed]);
  while (!stop.aborted) {
    const stats = await read();
    if (out.json) out.jsonLine(statsView(stats, over));
    else {
      out.clear();
      print(out, jobd, stats, over);
    }
    await out.flush();
    await sleep(host.clock, options.interval, stop);
  }
}

/** How far back numbers go, and the steps in which they are shown, in milliseconds. */
interface Span {
  sinceMs: number;
  stepMs: number | undefined;
}

/** Ended runs of one queue and type, put together over the whole time or a step of it. */
interface Summary {
  from: number;
  queue: string;
  type: string;
  outcomes: Record<string, number>;
  total: number;
  wait: number[];
  run: number[];
}

function summarize(rows: readonly StatRow[], { stepMs }: Span): Summary[] {
  const found = new Map<string, Summary>();
  for (const { minute, queue, type, outcome, count, wait, run } of rows) {
    const from = stepMs === undefined ? 0 : minute;
    const key = `${from}\n${queue}\n${type}`;
    const summary = found.get(key) ?? { from, queue, type, outcomes: {}, total: 0, wait: [], run: [] };
    summary.outcomes[outcome] = (summary.outcomes[outcome] ?? 0) + count;
    summary.total += count;
    summary.wait = addHistograms(summary.wait, wait);
    summary.run = addHistograms(summary.run, run);
    found.set(key, summary);
  }
  return [...found.values()].sort((a, b) => a.from - b.from || b.total - a.total);
}

/** Numbers about a namespace, for `--json`. */
export function statsView(stats: Stats, over: Span): Record<string, unknown> {
  const queues = [...new Set(stats.counts.map(({ queue }) => queue))];
  const rounded = (ms: number | null): number | null => ms === null ? null : Math.round(ms);
  return {
    at: iso(stats.at),
    since: iso(stats.since),
    queues: queues.map((queue) => ({ queue, counts: countsView(queue, stats.counts) })),
    runs: summarize(stats.rows, over).map(({ from, queue, type, outcomes, total, wait, run }) => ({
      ...(over.stepMs === undefined ? {} : { from: iso(from) }),
      queue,
      type,
      outcomes,
      perMinute: total / minutes(over),
      waitMs: { p50: rounded(quantile(wait, 0.5)), p95: rounded(quantile(wait, 0.95)) },
      runMs: { p50: rounded(quantile(run, 0.5)), p95: rounded(quantile(run, 0.95)) },
    })),
  };
}

/** Minutes of which each line tells. */
function minutes({ sinceMs, stepMs }: Span): number {
  return (stepMs ?? sinceMs) / 60_000;
}

function print(out: Output, jobd: Jobd, stats: Stats, over: Span): void {
  if (out.json) {
    out.document(statsView(stats, over));
    return;
  }
  out.line(
    styled("bold", `Jobs in ${jobd.location}, namespace ${jobd.namespace}`),
    styled("dim", ` at ${iso(stats.at)}`),
  );
  const queues = [...new Set(stats.counts.map(({ queue }) => queue))].sort();
  if (queues.length === 0) out.line("No jobs, or only completed ones.");
  else {
    const columns = COUNTED.map((state) => ({ title: state.toUpperCase(), align: "right" as const }));
    const rows = queues.map((
      queue,
    ) => [queue, ...COUNTED.map((state) => countText(stats.counts, queue, state))]);
    out.table([{ title: "QUEUE" }, ...columns], rows);
  }
  out.line("");
  const { sinceMs, stepMs } = over;
  const steps = stepMs === undefined ? "" : `, by steps of ${span(stepMs)} in UTC`;
  out.line(styled("bold", `Ended runs of the last ${span(sinceMs)}${steps}`));
  const runs = summarize(stats.rows, over);
  if (runs.length === 0) out.line("None.");
  else {
    out.table(
      [
        ...stepMs === undefined ? [] : [{ title: "FROM" }],
        { title: "QUEUE" },
        { title: "TYPE", shrinks: true },
        { title: "RUNS", align: "right" },
        { title: "PER MINUTE", align: "right" },
        { title: "WAITED p50", align: "right" },
        { title: "p95", align: "right" },
        { title: "TOOK p50", align: "right" },
        { title: "p95", align: "right" },
        { title: "OUTCOMES", shrinks: true },
      ],
      runs.map((one) => [
        ...stepMs === undefined ? [] : [iso(one.from) ?? ""],
        one.queue,
        one.type,
        String(one.total),
        (one.total / minutes(over)).toFixed(1),
        ...[
          quantile(one.wait, 0.5),
          quantile(one.wait, 0.95),
          quantile(one.run, 0.5),
          quantile(one.run, 0.95),
        ]
          .map((ms) => ms === null ? "" : span(ms)),
        Object.entries(one.outcomes).map(([outcome, count]) => `${count} ${outcome}`).join(", "),
      ]),
    );
  }
}
