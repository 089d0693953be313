import type { NewJob } from "../domain/job.ts";
import type { Transition } from "../domain/transition.ts";
import type { SettleResult } from "./driver.ts";

/** The follow-ups of the transitions that applied. */
export function followUpsOf(transitions: Transition[], results: SettleResult[]): NewJob[] {
  return transitions.flatMap(({ followUps }, index) =>
    followUps !== undefined && results[index] === "applied" ? followUps : []
  );
}
