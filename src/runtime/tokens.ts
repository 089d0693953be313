import { JobdError, show } from "../domain/errors.ts";
import { hashOf, isGood, newToken, type Token, type TokenOptions } from "../domain/token.ts";
import type { Driver } from "../storage/driver.ts";
import type { StoreTime } from "./store_time.ts";

/** How long a token that was found good is taken for good without another look, in milliseconds. */
const TRUST_MS = 1_000;
/** Tokens that are remembered at most. */
const REMEMBERED = 1_000;

/** A token without what finds it. */
export type TokenView = Omit<Token, "hash">;

/** A token that was made just now. */
export interface CreatedToken {
  /** The token. */
  token: TokenView;
  /** What its bearer sends; it cannot be shown again. */
  secret: string;
}

/** Tokens of the API, for all namespaces of a store. */
export class Tokens {
  readonly #driver: Driver;
  readonly #time: StoreTime;
  /** By secret: to hash it costs a request more than all else that is done to find out whose it is. */
  readonly #found = new Map<string, { token: Token; until: number }>();

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver; time: StoreTime }) {
    this.#driver = options.driver;
    this.#time = options.time;
  }

  /** Makes a token. The secret is given here and never again. @throws {JobdError} `invalid_request` naming what is wrong */
  async create(name: string, options: TokenOptions): Promise<CreatedToken> {
    const { token, secret } = newToken(name, options, {
      now: this.#time.now(),
      bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    });
    await this.#driver.addToken(token);
    return { token: viewOf(token), secret };
  }

  /** All tokens, newest first; those that are not good any more included. */
  async list(): Promise<TokenView[]> {
    return (await this.#driver.tokens()).map(viewOf);
  }

  /** Takes a token back: within a second nobody is let in with it. @throws {JobdError} `not_found` */
  async revoke(id: string): Promise<void> {
    if (await this.#driver.revokeToken(id, this.#time.now())) return;
    throw new JobdError("not_found", `There is no token ${show(id)}`, {
      hint: "`jobd tokens list` names them.",
    });
  }

  /** Whose secret this is; undefined for one that is unknown, revoked or expired. */
  async find(secret: string): Promise<TokenView | undefined> {
    const now = this.#time.now();
    const known = this.#found.get(secret);
    const token = known !== undefined && now < known.until ? known.token : await this.#look(secret, now);
    return token !== undefined && isGood(token, now) ? viewOf(token) : undefined;
  }

  async #look(secret: string, now: number): Promise<Token | undefined> {
    const hash = hashOf(secret);
    if (hash === undefined) return undefined;
    const token = await this.#driver.tokenByHash(hash);
    this.#found.delete(secret);
    if (token === undefined) return undefined;
    this.#found.set(secret, { token, until: now + TRUST_MS });
    if (this.#found.size > REMEMBERED) this.#found.delete(this.#found.keys().next().value ?? secret);
    return token;
  }
}

function viewOf({ hash: _, ...token }: Token): TokenView {
  return token;
}
