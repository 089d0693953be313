import type { Conversation } from "./process.ts";
import { type Handle, payload, sleep, type Subject, until, type Work } from "./subject.ts";
import type { Figures, Measure, Task } from "./task.ts";

/** What a measurement may say, and when it starts. */
export interface Parent extends Conversation {
  /** Says that everything is prepared and waits for the start. */
  ready(): Promise<void>;
}

type Measurement = (subject: Subject, task: Task, parent: Parent) => Promise<Figures>;

/** How often a worker says how far it is, in milliseconds. */
const TELL_MS = 20;

/** Every measurement by name. */
export const measures: Record<Measure, Measurement> = {
  async single(subject, { jobs = 0, callers = 1, warm = 0 }, parent) {
    await enqueueAll(subject, warm, callers);
    await parent.ready();
    const start = performance.now();
    await enqueueAll(subject, jobs, callers);
    return { rate: rate(jobs, start) };
  },

  async bulk(subject, { jobs = 0, warm = 0 }, parent) {
    await fill(subject, warm);
    await parent.ready();
    const start = performance.now();
    await fill(subject, jobs);
    return { rate: rate(jobs, start) };
  },

  async fill(subject, { jobs = 0 }, parent) {
    await parent.ready();
    await fill(subject, jobs);
    return { count: jobs };
  },

  async drain(subject, { jobs = 0, concurrency = 1, jobMs = 0 }, parent) {
    await fill(subject, jobs);
    await parent.ready();
    const all = Promise.withResolvers<void>();
    let left = jobs;
    const start = performance.now();
    const work = await subject.work(
      concurrency,
      handler(jobMs, () => {
        if (--left === 0) all.resolve();
      }),
    );
    await all.promise;
    await work.settled();
    return { rate: rate(jobs, start) };
  },

  async stretch(subject, { jobs = 0, warm = 0, concurrency = 1, jobMs = 0 }, parent) {
    await parent.ready();
    const first = Promise.withResolvers<number>();
    const last = Promise.withResolvers<number>();
    let count = 0;
    await subject.work(
      concurrency,
      handler(jobMs, () => {
        count++;
        if (count === warm) first.resolve(performance.now());
        if (count === warm + jobs) last.resolve(performance.now());
      }),
    );
    const from = await first.promise;
    return { rate: jobs / (await last.promise - from) * 1_000 };
  },

  async latency(subject, { jobs = 0, warm = 0, concurrency = 1, pauseMs = 20 }, parent) {
    let started = Promise.withResolvers<number>();
    await subject.work(concurrency, () => Promise.resolve(started.resolve(performance.now())));
    await parent.ready();
    const times: number[] = [];
    for (let n = 0; n < warm + jobs; n++) {
      await pause(pauseMs);
      started = Promise.withResolvers();
      const asked = performance.now();
      await subject.enqueue(payload(n));
      times.push(await started.promise - asked);
    }
    return spread(times.slice(warm));
  },

  async send(subject, { jobs = 0, pauseMs = 20 }, parent) {
    await parent.ready();
    for (let n = 0; n < jobs; n++) {
      await pause(pauseMs);
      await subject.enqueue({ ...payload(n), sent: wallClock() });
    }
    await parent.told("stop"); // whoever ends at once may take a hint along that was not sent yet
    return { count: jobs };
  },

  async receive(subject, { warm = 0, concurrency = 1 }, parent) {
    const times: number[] = [];
    await subject.work(
      concurrency,
      ({ sent }) => Promise.resolve(void times.push(wallClock() - (sent ?? 0))),
    );
    await parent.ready();
    await tellUntilStopped(parent, () => times.length);
    return spread(times.slice(warm));
  },

  async work(subject, task, parent) {
    await parent.ready();
    return await workUntilStopped(subject, task, parent);
  },

  async soak(subject, task, parent) {
    await parent.ready();
    const { depth = 5_000 } = task;
    let made = 0;
    let run = 0;
    let stopped = false;
    const produce = async (): Promise<void> => {
      while (!stopped) {
        const room = Math.min(depth - (made - run), subject.chunk);
        if (room < Math.min(500, depth)) await sleep(1);
        else await subject.enqueueMany(payloads(made, made += room));
      }
    };
    const producing = produce();
    const figures = await workUntilStopped(subject, task, parent, () => run++);
    stopped = true;
    await producing;
    return figures;
  },
};

async function workUntilStopped(
  subject: Subject,
  { concurrency = 1, jobMs = 0 }: Task,
  parent: Parent,
  onRun: () => void = () => {},
): Promise<Figures> {
  let count = 0;
  const work: Work = await subject.work(
    concurrency,
    handler(jobMs, () => {
      count++;
      onRun();
    }),
  );
  await tellUntilStopped(parent, () => count);
  await work.settled();
  return { count, at: wallClock() };
}

async function tellUntilStopped(parent: Parent, count: () => number): Promise<void> {
  let stopped = false;
  void parent.told("stop").then(() => stopped = true);
  let known = -1;
  await until(async () => {
    const now = count();
    if (now !== known) await parent.tell({ kind: "count", count: known = now, at: wallClock() });
    return stopped;
  }, TELL_MS);
}

function handler(jobMs: number, onRun: () => void): Handle {
  if (jobMs === 0) return () => Promise.resolve(onRun());
  return async () => {
    await sleep(jobMs);
    onRun();
  };
}

async function enqueueAll(subject: Subject, jobs: number, callers: number): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < jobs) await subject.enqueue(payload(next++));
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

async function fill(subject: Subject, jobs: number): Promise<void> {
  for (let at = 0; at < jobs; at += subject.chunk) {
    await subject.enqueueMany(payloads(at, Math.min(at + subject.chunk, jobs)));
  }
}

function payloads(from: number, to: number): ReturnType<typeof payload>[] {
  return Array.from({ length: to - from }, (_, index) => payload(from + index));
}

/** Not always the same pause: nothing may fall into step with somebody's timer. */
function pause(ms: number): Promise<void> {
  return sleep(ms * (1 + Math.random()));
}

function rate(jobs: number, start: number): number {
  return jobs / (performance.now() - start) * 1_000;
}

/** The same clock in all processes of a machine, with fractions. */
function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

function spread(times: number[]): Figures {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
