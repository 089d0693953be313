import { Enqueued } from "../runtime/enqueued.ts";
import type { Jobd } from "../runtime/jobd.ts";
import { handlerList, type WorkerOptions } from "../runtime/worker_options.ts";
import type { Activity } from "./activity.ts";

/** What a test has to do with a `Jobd`. */
export interface ProducerOptions {
  /** What goes on in the test. */
  activity: Activity;
  /** Called when the code turns to schedules. */
  onSchedules(): void;
  /** Called before an answer that names enqueued jobs is given. */
  onEnqueued(jobs: readonly Enqueued<unknown>[]): Promise<void>;
}

/**
 * The `Jobd` that a test hands to the code it tests: the same object, but whatever answers with enqueued jobs tells the
 * test first, and handlers of its workers are watched.
 */
export function producer(jobd: Jobd, { activity, onSchedules, onEnqueued }: ProducerOptions): Jobd {
  const watched = (options: WorkerOptions): WorkerOptions => ({
    ...options,
    handlers: handlerList(options.handlers).map((handler) => activity.watched(handler, () => true)),
  });
  return new Proxy(jobd, {
    get(target, name) {
      if (name === "schedules") onSchedules();
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (name === "worker") return target.worker(watched(args[0] as WorkerOptions));
        const answer: unknown = member.apply(target, args);
        return answer instanceof Promise ? told(answer, onEnqueued) : answer;
      };
    },
  });
}

async function told(answer: Promise<unknown>, tell: ProducerOptions["onEnqueued"]): Promise<unknown> {
  const given = await answer;
  const jobs = (Array.isArray(given) ? given : [given]).filter((one) => one instanceof Enqueued);
  if (jobs.length > 0) await tell(jobs);
  return given;
}
