import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import type { Store } from "./store.ts";
import { conformance } from "./suite.ts";

/** A store in memory; a second driver on the same data is the same one. */
export function openMemoryStore(): Promise<Store> {
  const driver = new MemoryDriver();
  return Promise.resolve({
    driver,
    reopen: () => Promise.resolve(driver),
    [Symbol.asyncDispose]: () => driver.close(),
  });
}

conformance("memory", openMemoryStore);
