import { invalid, JobdError } from "../domain/errors.ts";
import { parseInstant } from "../domain/instant.ts";
import { parseBatchRef } from "../domain/batch_ref.ts";
import { JOB_STATES, type JobState } from "../domain/states.ts";
import type { JobQuery } from "../storage/driver.ts";

/** One, or any of several. */
export type OneOrMany<T> = T | readonly T[];

/** Which jobs: those to which all of it applies. */
export interface JobFilter {
  /** Their state. */
  state?: OneOrMany<JobState>;
  /** Their queue. */
  queue?: OneOrMany<string>;
  /** Their type. */
  type?: OneOrMany<string>;
  /** All of these tags. */
  tag?: OneOrMany<string>;
  /** At least one of these tags. */
  anyTag?: OneOrMany<string>;
  /** Members of this batch; a list of them begins with the oldest. */
  batch?: string;
  /** Made by this origin. */
  origin?: string;
  /** Text inside payload or error message, case ignored (ASCII). The payload of a job that redacts anything is not searched. */
  search?: string;
  /** Created before this instant. */
  createdBefore?: Date | number | string;
}

const KNOWN: Record<keyof JobFilter, true> = {
  state: true,
  queue: true,
  type: true,
  tag: true,
  anyTag: true,
  batch: true,
  origin: true,
  search: true,
  createdBefore: true,
};

/**
 * The filter as the stores know it.
 *
 * @throws {JobdError} `invalid_request` for an unknown field, which would else let an action hit all jobs, or a bad value
 */
export function jobQuery(filter: JobFilter): Omit<JobQuery, "namespace" | "limit" | "cursor"> {
  refuseUnknown(filter);
  const { state, queue, type, tag, anyTag, batch, origin, search, createdBefore } = filter;
  const states = list(state);
  for (const one of states ?? []) {
    if (!JOB_STATES.includes(one)) throw invalid("state", one, JOB_STATES.join(", "));
  }
  const query = {
    states,
    queues: list(queue),
    types: list(type),
    tags: list(tag),
    anyTags: list(anyTag),
    batch: batch === undefined ? undefined : parseBatchRef(batch),
    origin,
    search,
    createdBefore: createdBefore === undefined ? undefined : parseInstant(createdBefore, "createdBefore"),
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

function list<T>(value: OneOrMany<T> | undefined): T[] | undefined {
  return value === undefined ? undefined : listOf(value);
}

/** One or several, as a list. */
export function listOf<T>(value: OneOrMany<T>): T[] {
  return Array.isArray(value) ? [...value as readonly T[]] : [value as T];
}

function refuseUnknown(filter: object): void {
  for (const key of Object.keys(filter)) {
    if (!Object.hasOwn(KNOWN, key)) {
      throw new JobdError("invalid_request", `Unknown filter ${JSON.stringify(key)}`, {
        hint: `Known filters: ${Object.keys(KNOWN).join(", ")}.`,
      });
    }
  }
}
