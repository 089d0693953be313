import type { ClaimRequest, ClaimResult } from "../driver.ts";
import { Claimer, type ClaimerContext } from "./claimer.ts";
import type { Place } from "./place.ts";

/** Claimers kept at most; workers of one process rarely want more than one set of types. */
const KEPT = 64;

/** One {@linkcode Claimer} for each set of types that is asked for. */
export class Claimers {
  readonly #context: ClaimerContext;
  readonly #byTypes = new Map<string, Claimer>();

  constructor(context: ClaimerContext) {
    this.#context = context;
  }

  /** {@linkcode Driver.claim}. */
  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.#of(request.types).claim(request);
  }

  /** There are new rows. */
  hint(places: Place[]): void {
    for (const claimer of this.#byTypes.values()) for (const place of places) claimer.hint(place);
  }

  /** Something may have changed that nobody described. */
  suspect(): void {
    for (const claimer of this.#byTypes.values()) claimer.suspect();
  }

  #of(types: string[] | "all"): Claimer {
    const key = types === "all" ? "" : JSON.stringify([...types].sort());
    const claimer = this.#byTypes.get(key) ?? new Claimer(this.#context, types);
    // The one that was used last is the last to go.
    this.#byTypes.delete(key);
    this.#byTypes.set(key, claimer);
    const [oldest] = this.#byTypes.keys();
    if (this.#byTypes.size > KEPT && oldest !== undefined) this.#byTypes.delete(oldest);
    return claimer;
  }
}
