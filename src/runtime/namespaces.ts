import type { Driver, NamespaceRow } from "../storage/driver.ts";

/** Namespaces of one store. Each object of {@linkcode Jobd} works in one of them. */
export class Namespaces {
  readonly #driver: Driver;

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver }) {
    this.#driver = options.driver;
  }

  /** All that have a queue, by name: one appears with its first queue or job. */
  list(): Promise<NamespaceRow[]> {
    return this.#driver.namespaces();
  }
}
