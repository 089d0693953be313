import type { Run } from "../domain/transition.ts";
import type { JobWait, WaitOpening } from "../domain/wait.ts";

/** What handlers wait for: the part of a {@linkcode Driver} that keeps it. Answers are given by `amend`. */
export interface WaitStore {
  /**
   * A live attempt asks for a wait, which is made if it is not there; gives it as it is then. One that has no answer when
   * its time is over has timed out from now on, whatever comes later. Undefined when the attempt is not live.
   */
  openWait(run: Run, opening: WaitOpening): Promise<JobWait | undefined>;
  /** A live attempt takes back an answer that is of no use: the wait is as if it had never been. False when it is not live. */
  forgetWait(run: Run, name: string): Promise<boolean>;
  /** All waits of a job, those that are over too, by name. */
  waits(jobId: string): Promise<JobWait[]>;
  /**
   * Ends up to `limit` waits of parked jobs whose time is over, soonest first: their jobs go on. Says when the next one's
   * time is over.
   */
  endWaits(now: number, limit: number): Promise<EndedWaits>;
  /** What the tokens of this store are made with; the same for ever. */
  secret(): Promise<string>;
}

/** What {@linkcode WaitStore.endWaits} did. */
export interface EndedWaits {
  /** Jobs that go on. */
  released: string[];
  /** When the time of the next wait is over; null when none has one. */
  nextDueAt: number | null;
}
