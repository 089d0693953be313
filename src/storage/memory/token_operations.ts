import { JobdError } from "../../domain/errors.ts";
import type { Token } from "../../domain/token.ts";
import type { TokenStore } from "../token_store.ts";
import { MemorySchedules } from "./schedule_operations.ts";
import { compareText, copy } from "./tables.ts";

/** The operations about tokens. */
export abstract class MemoryTokens extends MemorySchedules implements TokenStore {
  addToken(token: Token): Promise<void> {
    return this.run(() => {
      if (this.tables.tokens.has(token.id)) {
        throw new JobdError("conflict", `There is a token ${token.id} already`);
      }
      this.tables.tokens.set(token.id, copy(token));
    });
  }

  tokenByHash(hash: string): Promise<Token | undefined> {
    return this.run(() => {
      const found = [...this.tables.tokens.values()].find((token) => token.hash === hash);
      return found === undefined ? undefined : copy(found);
    });
  }

  tokens(): Promise<Token[]> {
    return this.run(() =>
      copy(
        [...this.tables.tokens.values()].sort((a, b) => b.createdAt - a.createdAt || compareText(a.id, b.id)),
      )
    );
  }

  revokeToken(id: string, at: number): Promise<boolean> {
    return this.run(() => {
      const token = this.tables.tokens.get(id);
      if (token !== undefined) token.revokedAt ??= at;
      return token !== undefined;
    });
  }
}
