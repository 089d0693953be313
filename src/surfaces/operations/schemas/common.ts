import { z } from "zod";
import { NAME } from "../../../domain/names.ts";

/** An instant in an answer. */
export const instant = z.iso.datetime().meta({ id: "Instant", description: "ISO 8601, UTC" });

/** A duration in a request. */
export const duration = z.union([z.string(), z.number()]).meta({
  id: "Duration",
  description: "30s, 5m, 1h30m, or milliseconds",
  examples: ["30s", "1h30m"],
});

/** A point in time in a request. */
export const time = z.union([z.string(), z.number()]).meta({
  id: "Time",
  description: "ISO 8601, or epoch milliseconds",
  examples: ["2030-01-01T00:00:00Z"],
});

/** Any JSON. It passes as it is: the domain checks it, and a copy could lose what is to be refused there. */
export const json = z.unknown().meta({ id: "Json", description: "any JSON" });

/** Text that a job wrote. Who shows it to an agent says that it is data. */
export const jobText = z.string().meta({ id: "JobText" });

/** The name of a queue, a type, a namespace or a schedule. */
export const name = z.string().regex(NAME, "it is not a name: 1 to 127 letters, digits or _ . : / -");

/** The id of a job. */
export const jobId = z.uuid().meta({ id: "JobId", description: "a job's UUID" });

/** How many items a page has. */
export const limit = z.int().min(1).max(1_000).default(50).meta({ description: "items of a page" });

/** Where the previous page ended. */
export const cursor = z.string().max(2_048).optional().meta({
  description: "nextCursor of the previous page",
});

/** One or more texts. */
export const texts = z.union([z.array(z.string()), z.string()]);

/** A page of items. */
export function page<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; nextCursor: z.ZodOptional<z.ZodString> }> {
  return z.object({ items: z.array(item), nextCursor: z.string().optional() });
}

/** Nothing to say. */
export const done = z.object({});
