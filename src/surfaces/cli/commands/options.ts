import { parseInstant } from "../../../domain/instant.ts";
import { parseDuration } from "../../../domain/duration.ts";
import { isUuid } from "../../../domain/uuid.ts";
import { JOB_STATES } from "../../../domain/states.ts";
import { choice, integer, nameOf, type Reader, text } from "../../config/readers.ts";
import { type ArgumentSpec, flag, list, type OptionSpec, value } from "../command.ts";

/** One or more jobs. */
export const IDS: ArgumentSpec = {
  name: "id",
  summary: "a job's id, or a beginning or ending of it (4 characters or more) that no other job has",
  many: true,
};

/** An instant: a time, or how long ago. */
export const moment: Reader<number | { agoMs: number }> = {
  allowed: "a time such as 2026-12-24T18:00:00Z or an age such as 2h",
  read(value) {
    if (typeof value !== "string") return undefined;
    return /^\d+(\.\d+)?(ms|[dhms])/.test(value) ? { agoMs: parseDuration(value) } : parseInstant(value);
  },
};

/** A batch, where it is not worth a look at the store. */
export const batchId: Reader<string> = {
  allowed: "the whole id of a batch, as `jobd batch create` prints it",
  read: (value) => typeof value === "string" && isUuid(value) ? value : undefined,
};

/** Flags that choose jobs, whatever their state. */
export const FILTER = {
  queue: list(nameOf("queue"), "name", "of these queues", { short: "q", commas: true }),
  type: list(nameOf("type"), "name", "of these types", { short: "t", commas: true }),
  tag: list(text, "text", "with all of these tags"),
  anyTag: list(text, "text", "with at least one of these tags"),
  batch: value(batchId, "id", "members of this batch (its whole id), oldest first"),
  origin: value(text, "text", "made by this origin"),
  search: value(text, "text", "with this text in payload or error"),
  before: value(moment, "time", "created before this time, or longer ago than this (2h)"),
} as const;

/** Flags that choose jobs. */
export const STATE_FILTER = {
  state: list(choice(JOB_STATES), "state", "in these states", { short: "s", commas: true }),
  ...FILTER,
} as const;

/** Flags of lists that come in pages. */
export const PAGE = {
  limit: value(integer(1, 10_000), "n", "at most this many", { short: "n", default: "50" }) as OptionSpec<
    number
  >,
  cursor: value(text, "cursor", "go on where an earlier list stopped"),
} as const;

/** Agreement in advance. */
export const YES = { yes: flag("do it without asking", { short: "y" }) } as const;
