/**
 * Tells something to stop, once. The signal is made only for those who ask for it: making one costs more than a short
 * job does.
 */
export class Stop<Reason = void> {
  #aborted = false;
  #reason: Reason | undefined;
  #controller: AbortController | undefined;
  #listeners: (() => void)[] = [];

  /** Whether it has been told to stop. */
  get aborted(): boolean {
    return this.#aborted;
  }

  /** Why; undefined before. */
  get reason(): Reason | undefined {
    return this.#reason;
  }

  /** The same for those that know signals. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Says stop; what comes later changes nothing. */
  abort(reason: Reason): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    for (const listener of this.#listeners.splice(0)) listener();
    this.#controller?.abort(reason);
  }

  /** Calls back when it is told to stop. */
  onAbort(listener: () => void): void {
    if (this.#aborted) listener();
    else this.#listeners.push(listener);
  }
}
