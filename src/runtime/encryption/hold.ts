import type { Job } from "../../domain/job.ts";
import { type Directive, type Handler, snooze } from "../handler.ts";

/** How long a job waits that cannot be read here: another worker may well have its key, or this one soon. */
const HOLD_MS = 30_000;
/** It waits longer each time, up to so many times as long, so that its history stays short. */
const HOLDS = 20;

/** How an attempt ends of a job that cannot be read: it is put off, which costs none of its attempts. */
export function heldOff({ attempt }: Job, sealed: string): Directive {
  return snooze(HOLD_MS * Math.min(attempt, HOLDS), `it cannot be read here: ${sealed}`);
}

/** In the place of its handler for such a job. */
export function hold(job: Job, sealed: string): Handler {
  return { type: job.type, run: () => heldOff(job, sealed) };
}
