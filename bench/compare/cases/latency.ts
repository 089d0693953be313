import { type Case, type Row, simpleRow } from "../case.ts";
import { type ContestantName, CONTESTANTS } from "../contestants.ts";
import type { SubjectOptions } from "../../harness/subject.ts";

const UNITS = { p50: "ms", p99: "ms", max: "ms" };
const BASES = ["jobd-postgres", "jobd-sqlite"];
const SAMPLES = 200;
const POLLED_SAMPLES = 50;
const WARM = 20;
/** The poll interval when nothing but polling is left. */
export const POLL_MS = 200;

const QUEUES: ContestantName[] = [
  "jobd-postgres",
  "pg-boss-notify",
  "graphile",
  "bullmq",
  "jobd-sqlite",
  "plainjob-full",
];

const same: Case = {
  name: "latency",
  title: "Idle latency, same process",
  about:
    "Nothing else is going on. A job is enqueued; the time until its handler begins, in the same process. " +
    "plainjob polls each 10 ms here (its default is 1 s).",
  chart: "p50",
  units: UNITS,
  ahead: BASES,
  rows: QUEUES.map((name) =>
    simpleRow(name, (bench) => ({
      measure: "latency",
      jobs: bench.size(SAMPLES),
      warm: WARM,
      concurrency: 10,
      pauseMs: 15,
    }))
  ),
};

const other: Case = {
  ...same,
  name: "latency-other",
  title: "Idle latency, from another process",
  about: "The same, enqueued by another process.",
  rows: QUEUES.map((name) => acrossProcesses({ name, samples: SAMPLES, pauseMs: 15, options: {} })),
};

const poll: Case = {
  ...same,
  name: "latency-poll",
  title: `Idle latency, polling only, every ${POLL_MS} ms`,
  about: "The same from another process while no hint arrives, as behind a pooler without LISTEN.",
  rows: (["jobd-postgres", "jobd-sqlite"] as const).map((name) =>
    acrossProcesses({
      name,
      samples: POLLED_SAMPLES,
      pauseMs: POLL_MS,
      options: { pollOnly: true, pollIntervalMs: POLL_MS },
    })
  ),
};

/** Cases on the time between enqueue and start. */
export const LATENCY_CASES: Case[] = [same, other, poll];

interface Across {
  name: ContestantName;
  samples: number;
  pauseMs: number;
  options: SubjectOptions;
}

function acrossProcesses(
  { name, samples, pauseMs, options }: Across,
): Row {
  const { label, store } = CONTESTANTS[name];
  return {
    id: name,
    label,
    store,
    async measure(bench) {
      await using place = await bench.fresh(store);
      const jobs = WARM + bench.size(samples);
      const { url } = place;
      await using receiver = await bench.start(name, {
        url,
        options,
        measure: "receive",
        warm: WARM,
        concurrency: 10,
      });
      await using sender = await bench.start(name, { url, options, measure: "send", jobs, pauseMs });
      await receiver.go();
      await sender.go();
      await receiver.counted(jobs);
      await receiver.stop();
      return { figures: await receiver.done() };
    },
  };
}
