import type { WorkerRow } from "../../../storage/driver.ts";
import type { Context } from "../context.ts";
import { count, relative, span } from "../format.ts";
import type { Finding } from "./doctor.ts";

/** A difference between this machine's clock and the store's that people should know about, in milliseconds. */
const CLOCK_WARNING_MS = 5_000;
/** A worker of this host must have shown life within this time, in milliseconds. */
const EXPECTED_MS = 30_000;
/** Waiting jobs that are looked at for types that nobody runs. */
const SAMPLE = 200;

/** Whether the store can be used and its schema fits, and what the store says about itself. */
export async function checkSchema(context: Context): Promise<Finding[]> {
  const driver = await context.driver();
  const { applied, pending } = await driver.migrate({ dryRun: true });
  if (pending.length > 0) {
    return [{
      name: "schema",
      value: applied.length === 0
        ? `${driver.location} has no schema yet`
        : `${count(pending.length, "migration")} missing`,
      level: "error",
      hint: "Run `jobd migrate`.",
    }];
  }
  await driver.ready();
  // A store tells only who listens whether its notifications arrive.
  await using _listener = await driver.listen(() => {});
  return [{ name: "store", value: driver.location, level: "ok" }, ...await driver.inspect()];
}

/** How far this machine's clock is from the store's: jobs go by the store's. */
export async function checkClock(context: Context): Promise<Finding[]> {
  const { clock } = context.host;
  const jobd = await context.jobd();
  const difference = clock.now() - jobd.now();
  const value = difference === 0
    ? "this machine agrees with the store"
    : `this machine is ${span(Math.abs(difference))} ${difference < 0 ? "behind" : "ahead of"} the store`;
  if (Math.abs(difference) < CLOCK_WARNING_MS) return [{ name: "clock", value, level: "ok" }];
  return [{
    name: "clock",
    value,
    level: "warning",
    hint: "Jobs go by the store's clock; set both clocks by NTP.",
  }];
}

/** Who runs jobs. */
export async function checkWorkers(context: Context, expectWorker: boolean): Promise<Finding[]> {
  const jobd = await context.jobd();
  const now = jobd.now();
  const workers = await jobd.workers.list();
  const findings: Finding[] = [{
    name: "workers",
    value: workers.length === 0 ? "none is running" : `${workers.length} running`,
    level: workers.length === 0 ? "warning" : "ok",
    ...(workers.length === 0 ? { hint: "Start one with `jobd start` or `jobd worker`." } : {}),
  }];
  return expectWorker ? [...findings, localWorker(workers, now)] : findings;
}

function localWorker(workers: readonly WorkerRow[], now: number): Finding {
  const host = Deno.hostname();
  const name = "worker here";
  const here =
    workers.filter(({ process }) => process["host"] === host).sort((a, b) => b.seenAt - a.seenAt)[0];
  if (here === undefined) {
    return {
      name,
      value: `no worker of host ${host} showed life`,
      level: "error",
      hint: "Start one, or look at its log.",
    };
  }
  const value = `${here.id}, seen ${relative(here.seenAt, now)}`;
  return now - here.seenAt <= EXPECTED_MS
    ? { name, value, level: "ok" }
    : { name, value, level: "error", hint: "It is stuck or cut off from the store: look at its log." };
}

/** Jobs that wait for something that will not come by itself. */
export async function checkWork(context: Context): Promise<Finding[]> {
  const jobd = await context.jobd();
  const [workers, queues] = [await jobd.workers.list(), await jobd.queues.list()];
  const { items } = await jobd.jobs.page({ state: "available", limit: SAMPLE });
  const types = [...new Set(items.map(({ type }) => type))];
  const unserved = types.filter((type) =>
    !workers.some((worker) => worker.types === "all" || worker.types.includes(type))
  );
  const paused = queues.filter(({ pausedAt }) => pausedAt !== null).map(({ name }) => name);
  const served: Finding[] = workers.length === 0
    ? []
    : [{ name: "job types", value: "every waiting job's type has a worker", level: "ok" }];
  return [
    ...unserved.length === 0 || workers.length === 0 ? served : [{
      name: "job types",
      value: `jobs wait of types that no worker runs: ${unserved.join(", ")}`,
      level: "warning" as const,
      hint: "Start a worker that has a handler for them, or cancel them with `jobd job cancel`.",
    }],
    ...paused.length === 0 ? [] : [{
      name: "queues",
      value: `paused: ${paused.join(", ")}`,
      level: "warning" as const,
      hint: "Their jobs wait until `jobd queue resume`.",
    }],
  ];
}
