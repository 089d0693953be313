import type { Driver } from "../../src/storage/driver.ts";

/** A fresh, migrated store of one backend, made for one test. */
export interface Store extends AsyncDisposable {
  /** The driver under test. */
  readonly driver: Driver;
  /** Another driver on the same data; for the memory backend the same one. It is closed with the store. */
  reopen(): Promise<Driver>;
}

/** Makes a store for one test. */
export type OpenStore = () => Promise<Store>;
