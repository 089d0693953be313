import type { Figure } from "./cases.ts";
import { byTurns, Site } from "./site.ts";
import type { Place } from "./stores.ts";

/**
 * What so many scheduled, so many blocked and so many dead jobs together cost those that are free, by turns with a store in
 * which there are none. Half of the blocked ones wait behind a limited key, half for another job.
 */
export async function besidePiles(place: Place, size: number): Promise<Figure[]> {
  await using full = await Site.open(place);
  await full.kill(size);
  await full.block(Math.floor(size / 2));
  await full.chain(Math.ceil(size / 2));
  await full.schedule(size);
  await using empty = await Site.open(place);
  return await byTurns(full, empty, `${size} scheduled, blocked and dead jobs each`);
}
