import type { Job } from "../../domain/job.ts";
import type { Limit } from "../../domain/limit.ts";
import type { Queue } from "../../domain/queue.ts";
import type { Schedule } from "../../domain/schedule.ts";
import type { LimitTargetOptions } from "../limits.ts";

/** Looks at what an operation is about to change or remove; undefined when it is about more than one thing. */
type Look = (object: object, args: readonly unknown[]) => Promise<unknown>;

/** Operations after which what was there cannot be seen any more. */
const LOOKS: Readonly<Record<string, Look>> = {
  "jobs.update": one((jobs: Readable<Job>, id) => jobs.get(id).then(jobBefore)),
  "queues.update": one((queues: Readable<Queue>, name) => queues.get(name).then(queueBefore)),
  "queues.delete": one((queues: Readable<Queue>, name) => queues.get(name).then(queueBefore)),
  "schedules.update": one((schedules: Readable<Schedule>, name) => schedules.get(name)),
  "schedules.delete": one((schedules: Readable<Schedule>, name) => schedules.get(name)),
  "limits.set": limitBefore,
  "limits.remove": limitBefore,
};

interface Readable<T> {
  get(name: string): Promise<T>;
}

/** What there was before an operation; undefined where that is not asked, or there was nothing. */
export async function before(operation: string, object: object, args: readonly unknown[]): Promise<unknown> {
  try {
    return await LOOKS[operation]?.(object, args);
  } catch {
    // The operation itself says what is wrong.
    return undefined;
  }
}

function one<T>(look: (object: Readable<T>, name: string) => Promise<unknown>): Look {
  return async (object, [name]) =>
    typeof name === "string" ? await look(object as Readable<T>, name) : undefined;
}

function jobBefore({ queue, priority, maxAttempts, runAt, expireAt, options }: Job): unknown {
  return { queue, priority, maxAttempts, runAt, expireAt, options };
}

function queueBefore({ settings, pausedAt }: Queue): unknown {
  return { settings, pausedAt };
}

async function limitBefore(limits: object, [target]: readonly unknown[]): Promise<unknown> {
  const { queue, type, key = "" } = target as LimitTargetOptions;
  const all = await (limits as { list(): Promise<Limit[]> }).list();
  const found = all.find((limit) =>
    limit.target === (queue === undefined ? "type" : "queue") && limit.name === (queue ?? type) &&
    limit.key === key
  );
  return found === undefined ? undefined : { settings: found.settings, pausedAt: found.pausedAt };
}
