import type { Token } from "../domain/token.ts";

/** What is stored about API tokens. */
export interface TokenStore {
  /** Stores a new token. @throws {JobdError} `conflict` when there is one with its id */
  addToken(token: Token): Promise<void>;
  /** The token with this hash, good or not. */
  tokenByHash(hash: string): Promise<Token | undefined>;
  /** All tokens, newest first; those that are not good any more included. */
  tokens(): Promise<Token[]>;
  /** Takes a token back, if it was not taken back before. Gives whether there is one with this id. */
  revokeToken(id: string, at: number): Promise<boolean>;
}
