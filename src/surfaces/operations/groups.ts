import { z } from "zod";
import type { GroupSelection } from "../../runtime/groups/groups.ts";
import { groupView, jobView } from "../views.ts";
import { given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { instant, limit, name } from "./schemas/common.ts";
import { job, report } from "./schemas/job.ts";

const key = z.string().min(1).max(255);

/** A group in which jobs wait. */
const group = z.object({
  id: z.string(),
  queue: z.string(),
  type: z.string(),
  key: z.string(),
  open: z.boolean().meta({ description: "whether jobs may still join it" }),
  jobs: z.int().meta({ description: "how many wait in it" }),
  size: z.int().meta({ description: "how many are enough" }),
  openedAt: instant,
  dueAt: instant,
  leader: z.string().nullable().meta({
    description: "once it was let go: the job with which the others are handed over",
  }),
}).meta({ id: "Group" });

/** Which groups: one by its id, or all with a key. */
const byId = { id: z.string() };
const byKey = { key, type: name.optional().meta({ description: "only groups of this type" }) };
const handedOver = z.object({ groups: z.int().meta({ description: "how many were handed over" }) });
const jobs = z.object({ items: z.array(job) });

type Which = { id: string } | { key: string; type?: string | undefined };

function selection(which: Which): GroupSelection {
  return "id" in which ? which.id : { key: which.key, ...given({ type: which.type }) };
}

/** An action on groups, by id and by key. */
function both<Output extends z.ZodType>(
  what: string,
  { output, run, ...rest }: Pick<Operation, "summary" | "role"> & {
    destructive?: boolean;
    output: Output;
    sweeping?: boolean;
    tools: [byId: string, byKey: string];
    method: "get" | "post";
    run(call: Parameters<NonNullable<Operation["run"]>>[0], which: GroupSelection): Promise<unknown>;
  },
): Operation[] {
  const { method, summary, tools: [tool, toolByKey], ...same } = rest;
  return [
    operation({
      ...same,
      name: `groups.${what}`,
      summary,
      http: { method, path: `/groups/{id}/${what}` },
      tool,
      input: z.strictObject(byId),
      output,
      run: (call, which) => run(call, selection(which)),
    }),
    operation({
      ...same,
      name: `groups.${what}ByKey`,
      summary: `${summary}: of all groups with a key`,
      http: { method, path: `/groups/by-key/${what}` },
      tool: toolByKey,
      input: z.strictObject(byKey),
      output,
      run: (call, which) => run(call, selection(which)),
    }),
  ].reverse();
}

/** Jobs that are gathered by a key, to be handled together. */
export const GROUP_OPERATIONS: readonly Operation[] = [
  operation({
    name: "groups.list",
    summary: "List groups in which jobs wait, oldest first",
    role: "read",
    http: { method: "get", path: "/groups" },
    tool: "list_groups",
    input: z.strictObject({
      key: key.optional(),
      type: name.optional(),
      after: z.string().regex(/^[0-9]{1,15}$/).optional().meta({
        description: "go on after the group with this id",
      }),
      limit,
    }),
    output: z.object({ items: z.array(group) }),
    async run({ jobd }, input) {
      return { items: (await jobd.groups.page(given(input))).map(groupView) };
    },
  }),
  ...both("jobs", {
    summary: "The jobs of a group, those that were handed over included",
    role: "read",
    tools: ["list_group_jobs", "list_jobs_of_groups"],
    method: "get",
    output: jobs,
    run: async ({ jobd }, which) => ({ items: (await jobd.groups.jobs(which)).map(jobView) }),
  }),
  ...both("run", {
    summary: "Hand a group over now, whatever its rules say",
    role: "operate",
    tools: ["run_group", "run_groups"],
    method: "post",
    output: handedOver,
    run: async ({ jobd }, which) => ({ groups: await jobd.groups.run(which) }),
  }),
  ...both("cancel", {
    summary: "Cancel the unfinished jobs of a group",
    role: "operate",
    tools: ["cancel_group", "cancel_groups"],
    method: "post",
    destructive: true,
    sweeping: true,
    output: report,
    run: ({ jobd }, which) => jobd.groups.cancel(which),
  }),
  ...both("retry", {
    summary: "Run the dead, cancelled and expired jobs of a group again, together",
    role: "operate",
    tools: ["retry_group", "retry_groups"],
    method: "post",
    output: report,
    run: ({ jobd }, which) => jobd.groups.retry(which),
  }),
];
