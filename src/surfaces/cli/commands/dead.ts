import { integer, text } from "../../config/readers.ts";
import { type Command, command, flag, type OptionSpec, value } from "../command.ts";
import { FILTER, IDS, PAGE, YES } from "./options.ts";

/** Flags that choose dead letters. */
export const DEAD_FILTER = {
  ...FILTER,
  group: value(text, "key", "that failed for this reason: a group of `jobd dead groups`", { short: "g" }),
} as const;

const DRY_RUN = { dryRun: flag("say what would be done, and do nothing") } as const;
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
    options: { ...DEAD_FILTER, ...ALL, ...DRY_RUN },
    examples: [
      ["jobd dead retry 4f2a91c0", "one"],
      ["jobd dead retry --queue mail --search ECONNREFUSED", "those that failed for one reason"],
    ],
    run: async (...given) => (await import("../actions/dead.ts")).retryDead(...given),
  }),
  command({
    path: "dead delete",
    summary: "Remove dead letters by id or by filter",
    args: [SOME_IDS],
    options: { ...DEAD_FILTER, ...YES, ...DRY_RUN },
    examples: [
      ["jobd dead delete 4f2a91c0", "one"],
      ["jobd dead delete --type email --before 30d --yes", "old ones of one type, without being asked"],
    ],
    run: async (...given) => (await import("../actions/dead.ts")).deleteDead(...given),
  }),
  command({
    path: "dead purge",
    summary: "Remove all dead letters of the namespace",
    options: YES,
    examples: [["jobd dead purge --yes", "without being asked"]],
    run: async (...given) => (await import("../actions/dead.ts")).purgeDead(...given),
  }),
];
