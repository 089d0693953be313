import { GROUP_MAX } from "../../../domain/group.ts";
import { duration, integer, nameOf } from "../../config/readers.ts";
import { type ArgumentSpec, type Command, command, value } from "../command.ts";
import { boundedText } from "./job_readers.ts";

/** Flags of `jobd enqueue` by which jobs are gathered; `actions/groups.ts` puts them together. */
export const GROUP_FLAGS = {
  group: value(boundedText(255), "key", "gather the job with others of this key, to be handled together"),
  groupSize: value(
    integer(1, GROUP_MAX),
    "n",
    "with --group: hand over when there are so many (default: 100)",
  ),
  groupAge: value(
    duration("1ms"),
    "duration",
    "with --group: hand over this long after the first (default: 1m)",
  ),
  groupSilence: value(
    duration("1ms"),
    "duration",
    "with --group: hand over when none has come for so long (default: that is no reason)",
  ),
} as const;

const WHICH = {
  key: value(boundedText(255), "key", "groups with this key instead of one by its id"),
  type: value(nameOf("type"), "type", "with --key: only groups of this type"),
} as const;

const ID: readonly ArgumentSpec[] = [
  { name: "group", summary: "the id of the group, as `jobd groups` shows it", required: false },
];

/** Commands about groups of jobs. */
export const GROUP_COMMANDS: readonly Command[] = [
  command({
    path: "groups",
    summary: "List groups of jobs that are gathered to be handled together",
    options: {
      key: value(boundedText(255), "key", "only groups with this key"),
      type: value(nameOf("type"), "type", "only groups of this type"),
      limit: value(integer(1, 10_000), "n", "at most this many", { short: "n", default: "100" }),
    },
    examples: [["jobd groups --type metrics.push", "what is gathered for one handler"]],
    run: async (...given) => (await import("../actions/groups.ts")).listGroups(...given),
  }),
  command({
    path: "group show",
    summary: "List the jobs of a group, or of all groups with a key, those that were handed over included",
    args: ID,
    options: WHICH,
    examples: [["jobd group show --key db-1", "what has become of them"]],
    run: async (...given) => (await import("../actions/groups.ts")).showGroup(...given),
  }),
  command({
    path: "group run",
    summary: "Hand a group over now, whatever its rules say",
    args: ID,
    options: WHICH,
    examples: [["jobd group run 12", "one"], ["jobd group run --key db-1", "all with one key"]],
    run: async (...given) => (await import("../actions/groups.ts")).runGroup(...given),
  }),
  command({
    path: "group cancel",
    summary: "Cancel the unfinished jobs of a group",
    args: ID,
    options: WHICH,
    examples: [["jobd group cancel --key db-1", "all with one key"]],
    run: async (...given) => (await import("../actions/groups.ts")).cancelGroup(...given),
  }),
  command({
    path: "group retry",
    summary: "Run the dead, cancelled and expired jobs of a group again, together",
    args: ID,
    options: WHICH,
    examples: [["jobd group retry 12", "one"]],
    run: async (...given) => (await import("../actions/groups.ts")).retryGroup(...given),
  }),
];
