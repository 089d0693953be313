import { type BatchCounts, MEMBER_ENDS } from "../../../domain/batch.ts";

/** How far a batch is: `120 of 400 ended, 3 dead`; what is 0 is left out. */
export function progressText(counts: BatchCounts): string {
  const { total, open } = counts;
  const ends = MEMBER_ENDS.filter((end) => end !== "completed" && counts[end] > 0);
  return [`${total - open} of ${total} ended`, ...ends.map((end) => `${counts[end]} ${end}`)].join(", ");
}
