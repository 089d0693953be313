import { type Amendment, endsJob, mayRelocate, maySetOff } from "../../domain/amendment.ts";

/** What changes to jobs mean for workers. */
export function news(amendments: Amendment[]): { available: boolean; cancel: boolean; ended: boolean } {
  return {
    available: amendments.some(({ change }) => maySetOff(change) || mayRelocate(change)),
    cancel: amendments.some(({ change }) => change.kind === "requestCancel"),
    ended: amendments.some(({ change }) => endsJob(change)),
  };
}
