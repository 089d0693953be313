/** What stands in the place of a value that is not shown. */
export const REDACTED = "[redacted]";

/** Texts that are shorter are too common to be looked for in other texts. */
export const SECRET_MIN = 4;

/** Shorter parts of a secret, where a text was cut, are left: they give little away and may be anything. */
const PART_MIN = 6;

/** Takes secrets out of texts, wherever they stand in them. Nothing but the time that it takes depends on how many there are. */
export class SecretText {
  /** Secrets by their first characters, the longest first. */
  readonly #byStart = new Map<string, string[]>();
  /** Beginnings that are too short to be a key of that map. */
  readonly #starts = new Set<string>();
  readonly #firsts = new Set<number>();
  #longest = 0;
  /** The same secrets, spelled backwards. */
  #backwards: SecretText | undefined;

  /** Texts of fewer than {@linkcode SECRET_MIN} characters are left out. */
  constructor(secrets: Iterable<string>) {
    for (const secret of new Set(secrets)) if (secret.length >= SECRET_MIN) this.#add(secret);
    for (const list of this.#byStart.values()) list.sort((a, b) => b.length - a.length);
  }

  /** Whether there is nothing to look for. */
  get isEmpty(): boolean {
    return this.#longest === 0;
  }

  /** The text with {@linkcode REDACTED} for each secret; of secrets that overlap nothing is left. */
  clean(text: string): string {
    return replaced(text, this.#found(text));
  }

  /** The same for a text that may begin and end in the midst of a secret, because somebody has cut it. */
  cleanCut(text: string): string {
    const found = this.#found(text);
    const end = this.#openAt(text);
    if (text.length - end >= PART_MIN) found.push([end, text.length]);
    this.#backwards ??= new SecretText([...this.#byStart.values()].flat().map(backwards));
    const begun = text.length - this.#backwards.#openAt(backwards(text));
    if (begun >= PART_MIN) found.unshift([0, begun]);
    return replaced(text, joined(found));
  }

  /**
   * As much of the text as can be cleaned without knowing how it goes on; the rest, which may be the beginning of a secret,
   * belongs before what comes next.
   */
  cleanBeginning(text: string): { clean: string; rest: string } {
    const found = this.#found(text);
    const at = this.#openAt(text);
    // A secret that reaches over the border is part of the rest as a whole, or its second half would be shown.
    const end = found.find(([from, to]) => from < at && at < to)?.[0] ?? at;
    const before = found.filter(([from]) => from < end);
    return { clean: replaced(text.slice(0, end), before), rest: text.slice(end) };
  }

  #add(secret: string): void {
    const start = secret.slice(0, SECRET_MIN);
    const same = this.#byStart.get(start);
    if (same === undefined) this.#byStart.set(start, [secret]);
    else same.push(secret);
    for (let size = 1; size < SECRET_MIN; size++) this.#starts.add(secret.slice(0, size));
    this.#firsts.add(secret.charCodeAt(0));
    this.#longest = Math.max(this.#longest, secret.length);
  }

  /** Where secrets are, in order, those that overlap as one. */
  #found(text: string): [from: number, to: number][] {
    const found: [number, number][] = [];
    for (let at = 0; at + SECRET_MIN <= text.length; at++) {
      if (!this.#firsts.has(text.charCodeAt(at))) continue;
      const secret = this.#startingWith(text.slice(at, at + SECRET_MIN))
        .find((one) => text.startsWith(one, at));
      if (secret === undefined) continue;
      found.push([at, at + secret.length]);
    }
    return joined(found);
  }

  /** From where on the end of the text may be the beginning of a secret; its length when nowhere. */
  #openAt(text: string): number {
    for (let at = Math.max(0, text.length - this.#longest + 1); at < text.length; at++) {
      if (this.#firsts.has(text.charCodeAt(at)) && this.#begins(text.slice(at))) return at;
    }
    return text.length;
  }

  #begins(end: string): boolean {
    if (end.length < SECRET_MIN) return this.#starts.has(end);
    return this.#startingWith(end.slice(0, SECRET_MIN))
      .some((secret) => secret.length > end.length && secret.startsWith(end));
  }

  #startingWith(start: string): readonly string[] {
    return this.#byStart.get(start) ?? [];
  }
}

/** A text that comes in pieces: secrets are found across their borders. */
export class SecretStream {
  readonly #secrets: SecretText;
  #rest = "";

  /** Made by {@linkcode Redaction}. */
  constructor(secrets: SecretText) {
    this.#secrets = secrets;
  }

  /** The next piece; gives what can be shown by now. */
  next(piece: string): string {
    const { clean, rest } = this.#secrets.cleanBeginning(this.#rest + piece);
    this.#rest = rest;
    return clean;
  }

  /** What is left when nothing comes any more. */
  end(): string {
    const rest = this.#rest;
    this.#rest = "";
    return this.#secrets.clean(rest);
  }
}

/** Places in order, those that overlap as one. */
function joined(places: [from: number, to: number][]): [from: number, to: number][] {
  const made: [number, number][] = [];
  for (const [from, to] of places) {
    const last = made.at(-1);
    if (last !== undefined && from < last[1]) {
      last[0] = Math.min(last[0], from);
      last[1] = Math.max(last[1], to);
    } else made.push([from, to]);
  }
  return made;
}

function backwards(text: string): string {
  let made = "";
  for (let at = text.length - 1; at >= 0; at--) made += text[at];
  return made;
}

function replaced(text: string, places: readonly [number, number][]): string {
  if (places.length === 0) return text;
  let made = "";
  let at = 0;
  for (const [from, to] of places) {
    made += text.slice(at, from) + REDACTED;
    at = to;
  }
  return made + text.slice(at);
}
