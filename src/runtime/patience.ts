import { JobdError } from "../domain/errors.ts";
import type { Driver } from "../storage/driver.ts";
import { intercepted } from "../storage/intercept.ts";

/**
 * A store whose calls are waited for only as long as there is patience. A call to a store that answers nothing takes
 * until its own deadline, and after it comes the next one: who has to end soon loses patience with all of them at once.
 */
export class Patience {
  /** The store; after {@linkcode lose} each call is refused, those under way too, with `store_unavailable`. */
  readonly driver: Driver;
  readonly #waiting = new Set<(error: JobdError) => void>();
  #lost = false;

  constructor(driver: Driver) {
    this.driver = intercepted(driver, ({ effect }) => this.wait(effect));
  }

  /** Whether it was lost. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Waits for something else that needs the store. @throws {JobdError} `store_unavailable` once patience is lost */
  async wait<T>(work: () => PromiseLike<T> | T): Promise<T> {
    if (this.#lost) throw lostPatience();
    const { promise, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    try {
      return await Promise.race([work(), promise]);
    } finally {
      this.#waiting.delete(reject);
    }
  }

  /** Waits for nothing any more. What a call under way does in the store is not known. */
  lose(): void {
    this.#lost = true;
    for (const reject of this.#waiting) reject(lostPatience());
  }
}

function lostPatience(): JobdError {
  return new JobdError(
    "store_unavailable",
    "The store did not answer in time: it is not waited for any more",
  );
}
