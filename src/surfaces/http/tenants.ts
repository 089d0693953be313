import type { Jobd } from "../../runtime/jobd.ts";

/** Namespaces that are kept open at most; those that were used last stay. */
const OPEN_MAX = 1_000;

/** The store as each tenant sees it, opened when somebody asks. */
export class Tenants {
  readonly #own: Jobd;
  readonly #others = new Map<string, Promise<Jobd>>();

  /** @param own the store as the program itself sees it, which stays open */
  constructor(own: Jobd) {
    this.#own = own;
  }

  /** The store as a tenant sees it. @throws {JobdError} `invalid_request` for a bad name */
  of(namespace: string): Promise<Jobd> {
    if (namespace === this.#own.namespace) return Promise.resolve(this.#own);
    const open = this.#others.get(namespace) ?? this.#own.forNamespace(namespace);
    this.#others.delete(namespace);
    this.#others.set(namespace, open);
    open.catch(() => this.#others.delete(namespace));
    this.#closeOldest();
    return open;
  }

  /** Closes all but the program's own. */
  async close(): Promise<void> {
    const others = [...this.#others.values()];
    this.#others.clear();
    await Promise.allSettled(others.map(async (one) => await (await one).close()));
  }

  #closeOldest(): void {
    if (this.#others.size <= OPEN_MAX) return;
    const [[name, oldest] = []] = this.#others;
    if (name === undefined || oldest === undefined) return;
    this.#others.delete(name);
    void oldest.then((jobd) => jobd.close()).catch(() => {});
  }
}
