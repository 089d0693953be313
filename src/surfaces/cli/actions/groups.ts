import { JobdError } from "../../../domain/errors.ts";
import type { GroupOptions } from "../../../domain/group.ts";
import type { GroupSelection } from "../../../runtime/groups/groups.ts";
import type { GroupRow } from "../../../storage/driver.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { count, instant } from "../format.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";
import { DONE, reportActions } from "./job_actions.ts";

type Given<T> = OptionSpec<T | undefined>;
type Which = { key: Given<string>; type: Given<string> };

/** The flags of `jobd enqueue` by which jobs are gathered. */
export type GroupFlags = {
  group: Given<string>;
  groupSize: Given<number>;
  groupAge: Given<number>;
  groupSilence: Given<number>;
};

/** What the flags say; undefined when there is no key. @throws {JobdError} `invalid_request` for rules without a key */
export function groupOptions(
  { group, groupSize, groupAge, groupSilence }: {
    [K in keyof GroupFlags]: GroupFlags[K] extends OptionSpec<infer T> ? T : never;
  },
): GroupOptions | undefined {
  const rules = compact({ size: groupSize, maxAge: groupAge, silence: groupSilence });
  if (group !== undefined) return { key: group, ...rules };
  if (Object.keys(rules).length === 0) return undefined;
  throw new JobdError("invalid_request", "--group-size, --group-age and --group-silence need --group", {
    hint: "Example: --group db-1 --group-size 50",
  });
}

/** `jobd groups` */
export async function listGroups(
  { options: { key, type, limit } }: Input<Which & { limit: OptionSpec<number> }>,
  context: Context,
): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const groups = await jobd.groups.page({ ...compact({ key, type }), limit });
  if (out.json) {
    const { groupView } = await import("../../views.ts");
    return out.document({ items: groups.map(groupView) });
  }
  if (groups.length === 0) return out.note("No groups: nothing is gathered at this moment.");
  const now = jobd.now();
  out.table(
    [{ title: "GROUP" }, { title: "KEY" }, { title: "TYPE" }, { title: "QUEUE" }, {
      title: "JOBS",
      align: "right",
    }, { title: "DUE" }],
    groups.map((group) => [
      group.id,
      group.key,
      group.type,
      group.queue,
      `${group.jobs}/${group.size}`,
      isDue(group, now) ? styled("yellow", "now") : instant(group.dueAt, now),
    ]),
  );
}

/** One that was let go is looked at again later, which is none of its times. */
function isDue({ leader, dueAt }: GroupRow, now: number): boolean {
  return leader !== null || dueAt <= now;
}

/** `jobd group show` */
export async function showGroup(input: Input<Which>, context: Context): Promise<void> {
  const { out } = context;
  const which = selected(input);
  const jobd = await context.jobd();
  const jobs = await jobd.groups.jobs(which);
  if (out.json) {
    const { jobView } = await import("../../views.ts");
    return out.document({ items: jobs.map(jobView) });
  }
  if (jobs.length === 0) return out.note("No jobs of such a group are kept.");
  const now = jobd.now();
  out.table(
    [{ title: "ID" }, { title: "STATE" }, { title: "TYPE" }, { title: "CREATED" }],
    jobs.map(({ id, state, type, createdAt }) => [id, state, type, instant(createdAt, now)]),
  );
}

/** `jobd group run` */
export async function runGroup(input: Input<Which>, context: Context): Promise<void> {
  const { out } = context;
  const which = selected(input);
  const jobd = await context.jobd();
  const groups = await jobd.groups.run(which);
  if (out.json) out.document({ groups });
  else if (groups === 0) out.note("Nothing is gathered there at this moment.");
  else out.line(`${count(groups, "group")} handed over`);
}

/** `jobd group cancel` */
export function cancelGroup(input: Input<Which>, context: Context): Promise<number> {
  return actOn("cancel", input, context);
}

/** `jobd group retry` */
export function retryGroup(input: Input<Which>, context: Context): Promise<number> {
  return actOn("retry", input, context);
}

async function actOn(action: "cancel" | "retry", input: Input<Which>, context: Context): Promise<number> {
  const which = selected(input);
  const jobd = await context.jobd();
  const report = await jobd.groups[action](which);
  const nothing = report.succeeded.length + report.failed.length === 0;
  if (nothing && !context.out.json) context.out.note("No job of such a group is left for that.");
  return reportActions(context.out, DONE[action], report, []);
}

/** One group by its id, or groups by key. */
function selected({ args: [id], options: { key, type } }: Input<Which>): GroupSelection {
  const refuse = (message: string): never => {
    throw new JobdError("invalid_request", message, {
      hint: "Give an id, as `jobd groups` shows it, or --key KEY.",
    });
  };
  if (id !== undefined && (key !== undefined || type !== undefined)) {
    refuse("An id cannot be combined with --key or --type");
  }
  if (id !== undefined) return id;
  if (key === undefined) return refuse("It is not said which group is meant");
  return { key, ...compact({ type }) };
}
