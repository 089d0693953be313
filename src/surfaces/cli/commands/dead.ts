import { duration, integer, nameOf, text } from "../../config/readers.ts";
import { type Command, command, flag, type OptionSpec, value } from "../command.ts";
import { priority } from "./job_readers.ts";
import { FILTER, IDS, PAGE, YES } from "./options.ts";

/** Flags that choose dead letters. */
export const DEAD_FILTER = {
  ...FILTER,
  group: value(text, "key", "that failed for this reason: a group of `jobd dead groups`", { short: "g" }),
} as const;

/** How an action on many is tried and bounded. */
export const ACT = {
  dryRun: flag("say what would be done, and do nothing"),
  limit: value(integer(1, Number.MAX_SAFE_INTEGER), "n", "by filter: at most this many; again for the rest", {
    short: "n",
  }),
} as const;

/** What may be new about dead letters that run again; `--queue` and the like say which are meant. */
export const EDITS = {
  payload: value(text, "json", "with this payload: JSON, @FILE, or - for stdin", { short: "p" }),
  to: value(nameOf("queue"), "queue", "in this queue; it is created if there is none"),
  priority: value(priority, "n", "with this priority: a number, or critical, high, medium, low"),
  delay: value(duration(), "duration", "no earlier than after this time"),
  maxAttempts: value(integer(1, 1000), "n", "dead again after this many failed runs"),
} as const;

const SOME_IDS = { ...IDS, required: false };
const ALL = { all: flag("every dead letter of the namespace") } as const;

/** Commands about dead letters. */
export const DEAD_COMMANDS: readonly Command[] = [
  command({
    path: "dead list",
    summary: "List dead letters, latest first",
    options: { ...DEAD_FILTER, ...PAGE },
    examples: [["jobd dead list --type email --search refused", "what failed for one reason"]],
    run: async (...given) => (await import("../actions/dead.ts")).listDead(...given),
  }),
  command({
    path: "dead groups",
    summary: "List dead letters by why they failed: how many, since when",
    details:
      "Failures are of one group when type, code and the first line of the message are the same but for ids, numbers and quoted texts.",
    options: {
      ...DEAD_FILTER,
      searched: value(integer(1, 1_000_000), "n", "look at this many of the latest ones", {
        default: "10000",
      }) as OptionSpec<
        number
      >,
    },
    examples: [
      ["jobd dead groups", "what went wrong, the most frequent first"],
      ["jobd dead retry --group 3f1c0a9be27d --dry-run", "then one reason at a time"],
    ],
    run: async (...given) => (await import("../actions/dead.ts")).listGroups(...given),
  }),
  command({
    path: "dead show",
    summary: "Show dead letters: failures, attempts, log",
    args: [IDS],
    options: {
      lines: value(integer(0, 10_000), "n", "last lines of the log to show", { short: "n", default: "10" }),
    },
    examples: [["jobd dead show 4f2a91c0", "why it is dead"]],
    run: async (...given) => (await import("../actions/dead.ts")).showDead(...given),
  }),
  command({
    path: "dead retry",
    summary: "Run dead letters again: by id, by filter, or all",
    args: [SOME_IDS],
    details:
      "Their failures are forgotten, their history stays. What is not given anew stays as it was. A filter means those that are dead now, not those that die again meanwhile.",
    options: { ...DEAD_FILTER, ...ALL, ...EDITS, ...ACT },
    examples: [
      ["jobd dead retry 4f2a91c0", "one"],
      ["jobd dead retry --queue mail --search ECONNREFUSED", "those that failed for one reason"],
      ["jobd dead retry --queue mail --to mail-slow --max-attempts 10", "in another queue"],
      [`jobd dead retry 4f2a91c0 --payload '{"to":"user@example.com"}'`, "with what was wrong put right"],
    ],
    run: async (...given) => (await import("../actions/dead.ts")).retryDead(...given),
  }),
  command({
    path: "dead delete",
    summary: "Remove dead letters by id or by filter",
    args: [SOME_IDS],
    options: { ...DEAD_FILTER, ...YES, ...ACT },
    examples: [
      ["jobd dead delete 4f2a91c0", "one"],
      ["jobd dead delete --type email --before 30d --yes", "old ones of one type, without being asked"],
    ],
    run: async (...given) => (await import("../actions/dead.ts")).deleteDead(...given),
  }),
  command({
    path: "dead purge",
    summary: "Remove all dead letters of the namespace",
    details: "Ctrl-C stops it, and it says what was done by then. What dies after it has begun stays.",
    options: { ...YES, ...ACT },
    examples: [
      ["jobd dead purge --dry-run", "how many there are, and the latest of them"],
      ["jobd dead purge --yes", "without being asked"],
    ],
    run: async (...given) => (await import("../actions/dead.ts")).purgeDead(...given),
  }),
];
