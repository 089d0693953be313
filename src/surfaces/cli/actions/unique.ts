import type { JobState } from "../../../domain/states.ts";
import type {
  ConflictPolicy,
  Replaceable,
  StateGroup,
  UniqueOptions,
  UniqueScope,
} from "../../../domain/unique.ts";
import type { OptionSpec } from "../command.ts";
import { compact } from "./compact.ts";

type Given<T> = OptionSpec<T | undefined>;

/** The flags of `jobd enqueue` that make jobs unique. */
export type UniqueFlags = {
  unique: OptionSpec<boolean>;
  uniqueKey: Given<string>;
  uniqueFields: OptionSpec<string[]>;
  uniqueScope: Given<UniqueScope>;
  uniquePer: Given<number>;
  uniqueStates: OptionSpec<(JobState | StateGroup)[]>;
  onConflict: Given<ConflictPolicy>;
  replace: OptionSpec<Replaceable[]>;
  maxWait: Given<number>;
  defer: OptionSpec<boolean>;
};

/** What the flags say; undefined when none of them is given. Any of them makes the job unique, by its payload unless it says by what. */
export function uniqueOptions(
  flags: { [K in keyof UniqueFlags]: UniqueFlags[K] extends OptionSpec<infer T> ? T : never },
): UniqueOptions | undefined {
  const some = <T>(items: T[]): T[] | undefined => items.length === 0 ? undefined : items;
  const options: UniqueOptions = compact({
    key: flags.uniqueKey,
    fields: some(flags.uniqueFields),
    scope: flags.uniqueScope,
    per: flags.uniquePer,
    states: some(flags.uniqueStates),
    onConflict: flags.onConflict,
    replace: some(flags.replace),
    maxWait: flags.maxWait,
    defer: flags.defer ? true : undefined,
  });
  return flags.unique || Object.keys(options).length > 0 ? options : undefined;
}
