import type { AuditEntry, NewAuditEntry } from "../../domain/audit.ts";
import type { Token } from "../../domain/token.ts";
import type { AuditQuery, AuditStore } from "../audit_store.ts";
import type { Page } from "../driver.ts";
import type { TokenStore } from "../token_store.ts";
import { addAudit, audit, pruneAudit } from "./audit.ts";
import type { Dialect } from "./dialect.ts";
import type { Script } from "./script.ts";
import { addToken, revokeToken, tokenByHash, tokens } from "./tokens.ts";

/** The operations about who may do something, and who did. */
export abstract class AccountOperations implements AuditStore, TokenStore {
  /** Runs a script that only reads: each statement at one moment of the store, all of them where that costs nothing. */
  protected abstract read<T>(script: (dialect: Dialect) => Script<T>): Promise<T>;
  /** Runs a script of one statement that writes, which is a transaction by itself. */
  protected abstract changeAtOnce<T>(script: (dialect: Dialect) => Script<T>): Promise<T>;

  addAudit(entry: NewAuditEntry): Promise<void> {
    return this.changeAtOnce((d) => addAudit(d, entry));
  }

  audit(query: AuditQuery): Promise<Page<AuditEntry>> {
    return this.read((d) => audit(d, query));
  }

  pruneAudit(before: number, limit: number): Promise<number> {
    return this.changeAtOnce((d) => pruneAudit(d, before, limit));
  }

  addToken(token: Token): Promise<void> {
    return this.changeAtOnce((d) => addToken(d, token));
  }

  tokenByHash(hash: string): Promise<Token | undefined> {
    return this.read((d) => tokenByHash(d, hash));
  }

  tokens(): Promise<Token[]> {
    return this.read((d) => tokens(d));
  }

  revokeToken(id: string, at: number): Promise<boolean> {
    return this.changeAtOnce((d) => revokeToken(d, id, at));
  }
}
