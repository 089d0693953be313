/** Marks kept at most. */
const MARKS = 16;

/**
 * Up to which `seq` everything is decided: each transaction that took such a place in `ready` has ended.
 *
 * A place is taken early and becomes visible late, at commit, so a place below the highest one seen may still turn up.
 * From time to time a mark is made: the highest place given so far, read first, and then the number of a transaction
 * that begins after that. Whoever took a place up to it had its transaction number before (see `nextSeq`), a smaller
 * one. So once no transaction with a number below the mark's is running, the mark's place is decided. Transactions
 * that only read have no number and hold nothing back, however long they last.
 */
export class DecidedSeq {
  #seq = 0;
  #marks: { seq: number; xid: bigint }[] = [];

  /** The highest place known to be decided. */
  get seq(): number {
    return this.#seq;
  }

  /** Adds a mark. When a long transaction holds the old ones back, only the latest is renewed. */
  note(seq: number, xid: bigint): void {
    if (this.#marks.length >= MARKS) this.#marks.pop();
    this.#marks.push({ seq, xid });
  }

  /** A snapshot says: all transactions with numbers below `xmin` have ended. */
  advance(xmin: bigint): void {
    const open = this.#marks.findIndex((mark) => mark.xid > xmin);
    const passed = open === -1 ? this.#marks.splice(0) : this.#marks.splice(0, open);
    this.#seq = Math.max(this.#seq, passed.at(-1)?.seq ?? 0);
  }
}
