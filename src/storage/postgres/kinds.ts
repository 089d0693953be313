/** What many rows of a parameter have in common, said once: each row names its kind by a number. */
export class Kinds {
  readonly #numbers = new Map<string, number>();
  readonly #list: Record<string, unknown>[] = [];

  /** The number of the kind with these values, none of which contains a space unless it is the last. */
  of(values: Record<string, string | number | null>): number {
    const name = Object.values(values).join(" ");
    let kind = this.#numbers.get(name);
    if (kind === undefined) {
      kind = this.#list.length;
      this.#numbers.set(name, kind);
      this.#list.push({ kind, ...values });
    }
    return kind;
  }

  /** All kinds, as a parameter. */
  get text(): string {
    return JSON.stringify(this.#list);
  }
}
