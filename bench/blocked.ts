import type { Figure } from "./cases.ts";
import { byTurns, Site } from "./site.ts";
import type { Place } from "./stores.ts";

/** What jobs that wait behind one limited key cost those that are free, by turns with a store in which nothing waits. */
export async function besideBlocked(place: Place, blocked: number): Promise<Figure[]> {
  await using full = await Site.open(place);
  await full.block(blocked);
  await using empty = await Site.open(place);
  return await byTurns(full, empty, `${blocked} blocked jobs`);
}
