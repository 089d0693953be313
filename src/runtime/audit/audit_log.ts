import { type AuditEntry, type Surface, SURFACES } from "../../domain/audit.ts";
import { invalid } from "../../domain/errors.ts";
import { parseInstant } from "../../domain/instant.ts";
import { checkText } from "../../domain/text.ts";
import type { AuditQuery, Driver, Page } from "../../storage/driver.ts";

/** Which entries of the audit log; without any field all. */
export interface AuditFilter {
  /** What was done: `"jobs.cancel"`, or all about queues with `"queues.*"`. */
  operation?: string;
  /** Who: the id of a token, or a name. */
  actor?: string;
  /** By what. */
  surface?: Surface;
  /** Whether it was done, or refused or failed. */
  done?: boolean;
  /** The request, as its answer names it. */
  requestId?: string;
  /** From this time on. */
  from?: Date | number | string;
  /** Before this time. */
  to?: Date | number | string;
}

const TEXT_MAX = 255;
const PAGE_MAX = 1_000;

/** What operators have done: who, what, when, from where, and what came of it. */
export class AuditLog {
  readonly #driver: Driver;
  readonly #namespace: string;

  /** Made by {@linkcode Jobd}. */
  constructor({ driver, namespace }: { driver: Driver; namespace: string }) {
    this.#driver = driver;
    this.#namespace = namespace;
  }

  /** One page of entries, newest first: 50 unless said otherwise. @throws {JobdError} `invalid_request` */
  async page(
    { limit = 50, cursor, ...filter }: AuditFilter & { limit?: number; cursor?: string } = {},
  ): Promise<Page<AuditEntry>> {
    if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
      throw invalid("limit", limit, `a whole number from 1 to ${PAGE_MAX}`);
    }
    return await this.#driver.audit({
      ...this.#query(filter),
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
  }

  /** All entries, newest first. @throws {JobdError} `invalid_request` */
  async *list(filter: AuditFilter = {}): AsyncGenerator<AuditEntry> {
    let cursor: string | undefined;
    do {
      const page = await this.page({
        ...filter,
        limit: PAGE_MAX,
        ...(cursor === undefined ? {} : { cursor }),
      });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  #query({ from, to, surface, done, ...texts }: AuditFilter): Omit<AuditQuery, "limit"> {
    if (surface !== undefined && !SURFACES.includes(surface)) {
      throw invalid("surface", surface, `one of ${SURFACES.join(", ")}`);
    }
    const checked = Object.entries(texts).filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, checkText(name, value, TEXT_MAX)]);
    return {
      namespace: this.#namespace,
      ...Object.fromEntries(checked),
      ...(surface === undefined ? {} : { surface }),
      ...(done === undefined ? {} : { done }),
      ...(from === undefined ? {} : { from: parseInstant(from, "from") }),
      ...(to === undefined ? {} : { to: parseInstant(to, "to") }),
    };
  }
}
