import type { Job } from "../../domain/job.ts";
import type { Outcome } from "../../domain/outcome.ts";
import type { StopReason } from "../handler.ts";
import type { Slot } from "../slots.ts";
import type { Stop } from "../stop.ts";
import { GroupCall } from "./group_call.ts";
import { groupStop } from "./group_stop.ts";

/** The attempts of a group as one. */
export interface GroupAttempt {
  /** The first job, by which handler and timeout are found. Deadlines are those of each job by itself. */
  job: Job;
  /** Stops the call. */
  stop: Stop<StopReason>;
  /** The jobs that the handler gets. */
  call: GroupCall;
}

/** What {@linkcode executeGroup} needs. */
export interface GroupAttemptOptions {
  /** The store's time. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /** Makes the one call and says how it ended; undefined when the lease was lost. */
  execute(attempt: GroupAttempt): Promise<Outcome | undefined>;
}

/** Runs the attempts of a group in one call; each has an outcome of its own. */
export function executeGroup(
  slots: readonly Slot[],
  options: GroupAttemptOptions,
): { outcomeOf(slot: Slot): Promise<Outcome | undefined> } {
  const { now, random, execute } = options;
  const [first] = slots as [Slot];
  const live = slots.filter(({ job, stop }) => !isOver(job, now()) && stop.reason !== "cancelled");
  const stop = groupStop(slots.map((slot) => slot.stop));
  const call = new GroupCall(live.map(({ job }) => job));
  const ended = run();
  return {
    async outcomeOf(slot) {
      const outcome = await ended;
      if (stop.reason !== undefined && stop.reason !== "cancelled") return outcome;
      if (slot.stop.reason === "cancelled") return { kind: "cancelled" };
      if (isOver(slot.job, now())) return { kind: "expired" };
      return outcome?.kind === "completed" ? call.ends?.get(slot.job.id) ?? outcome : outcome;
    },
  };

  async function run(): Promise<Outcome | undefined> {
    try {
      if (live.length === 0) return { kind: "cancelled" };
      const job = live[0]?.job ?? first.job;
      return await execute({ job: { ...job, expireAt: null }, stop, call });
    } finally {
      // Those who run again at the same time stay together.
      const moment = { now: now(), random: random() };
      for (const slot of slots) Object.assign(slot, { moment, ended: true });
    }
  }
}

function isOver({ expireAt }: Job, now: number): boolean {
  return expireAt !== null && expireAt <= now;
}
