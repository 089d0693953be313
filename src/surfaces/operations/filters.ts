import { z } from "zod";
import type { JobFilter } from "../../runtime/job_filter.ts";
import { texts, time } from "./schemas/common.ts";
import { state } from "./schemas/job.ts";

/** Which jobs, without their state. */
export const filterFields = {
  queue: texts.optional(),
  type: texts.optional(),
  tag: texts.optional().meta({ description: "all of these" }),
  anyTag: texts.optional().meta({ description: "at least one of these" }),
  batch: z.uuid().optional().meta({ description: "members of this batch" }),
  origin: z.string().optional(),
  search: z.string().optional().meta({
    description: "text inside payload or error message, case ignored (ASCII)",
  }),
  createdBefore: time.optional(),
} satisfies Record<Exclude<keyof JobFilter, "state">, z.ZodType>;

/** Which jobs. */
export const stateFilterFields = {
  state: z.union([z.array(state), state]).optional(),
  ...filterFields,
} satisfies Record<keyof JobFilter, z.ZodType>;

/** Drops what was not given: to the domain a field that is undefined is not the same as one that is missing. */
export function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
