import { z } from "zod";
import type { ActionPreview, PreviewOptions } from "../../runtime/action_preview.ts";
import type { ActionReport } from "../../runtime/action_report.ts";
import type { ActionOptions } from "../../runtime/job_actions.ts";
import { previewView, type View } from "../views.ts";
import { given } from "./filters.ts";
import { time } from "./schemas/common.ts";
import { actionPreview, report } from "./schemas/job.ts";

/** How an action on many jobs is tried and bounded. */
export const manyFields = {
  dryRun: z.boolean().optional().meta({ description: "say what would be done, and do nothing" }),
  until: time.optional().meta({
    description: "by filter: only jobs created before this; default when the request comes",
  }),
  limit: z.int().min(1).optional().meta({ description: "by filter: stop after this many jobs" }),
};

/** What an action on many jobs answers. */
export const manyOutput = z.union([actionPreview, report]);

/** The values of {@linkcode manyFields}. */
export interface ManyInput {
  dryRun?: boolean | undefined;
  until?: string | number | Date | undefined;
  limit?: number | undefined;
}

/** Ways to do something to many jobs, and to look at what it would be. */
export interface Many {
  /** What it would be. */
  preview(options: PreviewOptions): Promise<ActionPreview>;
  /** Does it. */
  act(options: ActionOptions): Promise<ActionReport>;
}

/** Does it, or with `dryRun` looks what it would be. */
export async function onMany(
  { dryRun, until, limit }: ManyInput,
  { preview, act }: Many,
): Promise<View | ActionReport> {
  const options = given({ until, limit });
  return dryRun ? { dryRun: true, ...previewView(await preview(given({ until }))) } : await act(options);
}
