import { integer } from "../../config/readers.ts";
import { type Command, command, flag, value } from "../command.ts";
import { FILTER, IDS, PAGE, YES } from "./options.ts";

const SOME_IDS = { ...IDS, required: false };
const ALL = { all: flag("every dead letter of the namespace") } as const;

/** Commands about dead letters. */
export const DEAD_COMMANDS: readonly Command[] = [
  command({
    path: "dead list",
    summary: "List dead letters, latest first",
    options: { ...FILTER, ...PAGE },
    examples: [["jobd dead list --type email --search refused", "what failed for one reason"]],
    run: async (...given) => (await import("../actions/dead.ts")).listDead(...given),
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
    options: { ...FILTER, ...ALL },
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
    options: { ...FILTER, ...YES },
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
