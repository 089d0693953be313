/** What stands in the place of a value that is not shown. */
export const REDACTED = "[redacted]";

/** Texts that are shorter are too common to be looked for in other texts. */
export const SECRET_MIN = 4;

/** A longer secret is looked for in parts of this length: whatever it is, a text is cleaned in time. */
const PART_MAX = 64;
/** Shorter parts of a secret, where a text was cut, are left: they give little away and may be anything. */
const CUT_MIN = 6;

/** A stretch of a text. */
type Place = [from: number, to: number];

/** Takes secrets out of texts, wherever they stand in them. How many there are makes no difference to the time that takes. */
export class SecretText {
  readonly #parts: ReadonlySet<string>;
  /** The same in order, to find those with a beginning. */
  readonly #sorted: readonly string[];
  /** Lengths of parts by their first characters, longest first. */
  readonly #lengths = new Map<string, number[]>();
  readonly #firsts = new Set<number>();
  /** The same secrets, spelled backwards. */
  #backwards: SecretText | undefined;

  /** Texts of fewer than {@linkcode SECRET_MIN} characters are left out. */
  constructor(secrets: Iterable<string>) {
    this.#parts = new Set([...new Set(secrets)].flatMap(partsOf));
    this.#sorted = [...this.#parts].sort();
    for (const part of this.#parts) {
      const start = part.slice(0, SECRET_MIN);
      const lengths = this.#lengths.get(start);
      if (lengths === undefined) this.#lengths.set(start, [part.length]);
      else if (!lengths.includes(part.length)) lengths.push(part.length);
      this.#firsts.add(part.charCodeAt(0));
    }
    for (const lengths of this.#lengths.values()) lengths.sort((a, b) => b - a);
  }

  /** Whether there is nothing to look for. */
  get isEmpty(): boolean {
    return this.#parts.size === 0;
  }

  /** The text with {@linkcode REDACTED} for each secret; of secrets that overlap or touch nothing is left between. */
  clean(text: string): string {
    return replaced(text, this.#found(text));
  }

  /** The same for a text that may begin and end in the midst of a secret, because somebody has cut it. */
  cleanCut(text: string): string {
    const found = this.#found(text);
    const end = this.#openAt(text);
    if (text.length - end >= CUT_MIN) found.push([end, text.length]);
    this.#backwards ??= new SecretText([...this.#parts].map(backwards));
    const begun = text.length - this.#backwards.#openAt(backwards(text));
    if (begun >= CUT_MIN) found.unshift([0, begun]);
    return replaced(text, joined(found));
  }

  /**
   * As much of the text as can be cleaned without knowing how it goes on; the rest, which may be the beginning of a secret,
   * belongs before what comes next. Text that comes behind a secret, which `covers` some of it (or nothing), gets no mark of
   * its own for that.
   */
  cleanBeginning(text: string, covers?: number): { clean: string; rest: string; covers: number | undefined } {
    const found = this.#foundAfter(text, covers);
    const end = this.#openAt(text);
    const before = found.filter(([from]) => from < end || (from === 0 && covers !== undefined));
    const last = before.at(-1);
    const shown = before.map(([from, to]): Place => [from, Math.min(to, end)]);
    return {
      clean: replaced(text.slice(0, end), shown).slice(covers === undefined ? 0 : REDACTED.length),
      rest: text.slice(end),
      covers: last !== undefined && last[1] >= end ? last[1] - end : undefined,
    };
  }

  /** The rest, when nothing comes any more. */
  cleanRest(text: string, covers?: number): string {
    return replaced(text, this.#foundAfter(text, covers)).slice(covers === undefined ? 0 : REDACTED.length);
  }

  #foundAfter(text: string, covers: number | undefined): Place[] {
    const found = this.#found(text);
    return covers === undefined ? found : joined([[0, covers], ...found]);
  }

  /** Where secrets are, in order. */
  #found(text: string): Place[] {
    const found: Place[] = [];
    for (let at = 0; at + SECRET_MIN <= text.length; at++) {
      if (!this.#firsts.has(text.charCodeAt(at))) continue;
      const length = this.#lengths.get(text.slice(at, at + SECRET_MIN))
        ?.find((length) => at + length <= text.length && this.#parts.has(text.slice(at, at + length)));
      if (length !== undefined) add(found, [at, at + length]);
    }
    return found;
  }

  /** From where on the end of the text may be the beginning of a secret; its length when nowhere. */
  #openAt(text: string): number {
    for (let at = Math.max(0, text.length - PART_MAX + 1); at < text.length; at++) {
      if (this.#firsts.has(text.charCodeAt(at)) && this.#begins(text.slice(at))) return at;
    }
    return text.length;
  }

  /** Whether a part goes on after this beginning. */
  #begins(beginning: string): boolean {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? "") <= beginning) low = middle + 1;
      else high = middle;
    }
    return this.#sorted[low]?.startsWith(beginning) ?? false;
  }
}

/** A text that comes in pieces: secrets are found across their borders. */
export class SecretStream {
  readonly #secrets: SecretText;
  #rest = "";
  /** How much of the rest belongs to the secret that was shown last, if nothing was shown after it. */
  #covers: number | undefined;

  /** Made by {@linkcode Redaction}. */
  constructor(secrets: SecretText) {
    this.#secrets = secrets;
  }

  /** The next piece; gives what can be shown by now. */
  next(piece: string): string {
    const { clean, rest, covers } = this.#secrets.cleanBeginning(this.#rest + piece, this.#covers);
    this.#rest = rest;
    this.#covers = covers;
    return clean;
  }

  /** What is left when nothing comes any more. */
  end(): string {
    const clean = this.#secrets.cleanRest(this.#rest, this.#covers);
    this.#rest = "";
    this.#covers = undefined;
    return clean;
  }
}

/** A secret, or the parts that it consists of; the last one overlaps the one before it, so that none is too short. */
function partsOf(secret: string): string[] {
  if (secret.length < SECRET_MIN) return [];
  if (secret.length <= PART_MAX) return [secret];
  const parts: string[] = [];
  for (let at = 0; at + PART_MAX < secret.length; at += PART_MAX) parts.push(secret.slice(at, at + PART_MAX));
  return [...parts, secret.slice(-PART_MAX)];
}

/** Places in order, those that overlap or touch as one. */
function joined(places: Place[]): Place[] {
  const made: Place[] = [];
  for (const place of places) add(made, place);
  return made;
}

function add(places: Place[], [from, to]: Place): void {
  const last = places.at(-1);
  if (last !== undefined && from <= last[1]) {
    last[0] = Math.min(last[0], from);
    last[1] = Math.max(last[1], to);
  } else places.push([from, to]);
}

function backwards(text: string): string {
  let made = "";
  for (let at = text.length - 1; at >= 0; at--) made += text[at];
  return made;
}

function replaced(text: string, places: readonly Place[]): string {
  let made = "";
  let at = 0;
  for (const [from, to] of places) {
    made += text.slice(at, from) + REDACTED;
    at = to;
  }
  return made + text.slice(at);
}
