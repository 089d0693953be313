import { type Amendment, endsJob, maySetOff } from "../../domain/amendment.ts";
import { mayMove } from "../../domain/replacement.ts";

/** What changes to jobs mean for workers. */
export function news(amendments: Amendment[]): { available: boolean; cancel: boolean; ended: boolean } {
  return {
    available: amendments.some(({ change }) =>
      maySetOff(change) ||
      (change.kind === "replace" && mayMove(change.set))
    ),
    cancel: amendments.some(({ change }) => change.kind === "requestCancel"),
    ended: amendments.some(({ change }) => endsJob(change)),
  };
}
