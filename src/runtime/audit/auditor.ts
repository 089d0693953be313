import {
  type Actor,
  auditInput,
  auditResult,
  auditValue,
  DONE,
  type NewAuditEntry,
} from "../../domain/audit.ts";
import { JobdError, messageOf } from "../../domain/errors.ts";
import { storableText } from "../../domain/json.ts";
import type { RedactedKeys } from "../../domain/redacted_keys.ts";
import type { Driver } from "../../storage/driver.ts";
import type { Logger } from "../logger.ts";
import type { StoreTime } from "../store_time.ts";

/** Options of {@linkcode Auditor}. */
export interface AuditorOptions {
  /** The store. */
  driver: Driver;
  /** The store's time. */
  time: StoreTime;
  /** The tenant. */
  namespace: string;
  /** Who does it. */
  actor: Actor;
  /** Names of values that nobody sees. */
  redactKeys: RedactedKeys | undefined;
  /** Where it says what could not be written. */
  log: Logger;
}

/** What is done, and with what. */
export interface AuditedCall {
  /** `jobs.cancel`. */
  operation: string;
  /** What the arguments are called. */
  names: readonly string[];
  /** The arguments. */
  args: readonly unknown[];
  /** Looks at what it is about to change. */
  before?: () => Promise<unknown>;
}

const ERROR_MAX = 300;

/** Writes down what somebody does. */
export class Auditor {
  readonly #options: AuditorOptions;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /**
   * Does it, and writes down what came of it before that is answered. What was refused because it makes no sense is not
   * written: nobody can have been harmed. Nor does it fail what has been done that this cannot be written; the log says so.
   */
  async watch<T>({ operation, names, args, before }: AuditedCall, work: () => Promise<T> | T): Promise<T> {
    const { redactKeys } = this.#options;
    // As it was asked for: what is given may be changed by whoever gave it.
    const input = auditInput(names, args, redactKeys);
    const found = await before?.();
    const facts = { operation, input, before: found === undefined ? null : auditValue(found, redactKeys) };
    let result: T;
    try {
      result = await work();
    } catch (error) {
      const code = error instanceof JobdError ? error.code : "internal";
      const message = storableText(messageOf(error), ERROR_MAX);
      if (code !== "invalid_request") {
        await this.#write({ ...facts, outcome: code, result: {}, error: message });
      }
      throw error;
    }
    await this.#write({ ...facts, outcome: DONE, result: auditResult(result), error: null });
    return result;
  }

  async #write(entry: Omit<NewAuditEntry, keyof Actor | "at" | "namespace">): Promise<void> {
    const { driver, time, namespace, actor, log } = this.#options;
    try {
      // A store that could not be reached just now would only hold up the answer.
      if (entry.outcome === "store_unavailable") throw new Error("the store cannot be reached");
      await driver.addAudit({ ...actor, ...entry, at: time.now(), namespace });
    } catch (error) {
      log.error("An operation is missing in the audit log", {
        ...actor,
        ...entry,
        input: JSON.stringify(entry.input),
        before: JSON.stringify(entry.before),
        result: JSON.stringify(entry.result),
        reason: messageOf(error),
      });
    }
  }
}
