import type { AfterOptions, ParentFailure } from "../../../domain/dependency.ts";
import type { OptionSpec } from "../command.ts";
import { compact } from "./compact.ts";

/** The flags of `jobd enqueue` that make jobs wait for others. */
export type AfterFlags = {
  after: OptionSpec<string[]>;
  afterAny: OptionSpec<boolean>;
  onParentFailure: OptionSpec<ParentFailure | undefined>;
};

/** What the flags say; undefined when no job is named. */
export function afterOptions(
  { after, afterAny, onParentFailure }: {
    [K in keyof AfterFlags]: AfterFlags[K] extends OptionSpec<infer T> ? T : never;
  },
): AfterOptions | undefined {
  if (after.length === 0) return undefined;
  return compact({ jobs: after, any: afterAny || undefined, onFailure: onParentFailure });
}
