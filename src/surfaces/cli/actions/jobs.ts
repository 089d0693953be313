import type { Job } from "../../../domain/job.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Page } from "../../../storage/driver.ts";
import type { Input } from "../command.ts";
import type { PAGE, STATE_FILTER } from "../commands/options.ts";
import type { Context } from "../context.ts";
import { relative } from "../format.ts";
import { type Part, stateOf, styled } from "../style.ts";
import { compact } from "./compact.ts";
import { whyBlocked } from "./describe.ts";
import { filterOf } from "./targets.ts";
import { jobView } from "../../views.ts";

/** A page looks at a bounded number of jobs; after this many pages a rare filter answers with what it has. */
const PAGES = 50;

/** Gives pages of jobs. */
type Pages = (query: { limit: number; cursor?: string }) => Promise<Page<Job>>;

/** `jobd jobs` */
export async function listJobs(
  input: Input<typeof STATE_FILTER & typeof PAGE>,
  context: Context,
): Promise<void> {
  const jobd = await context.jobd();
  const filter = filterOf(input.options, jobd.now());
  await printPage(context, jobd, (query) => jobd.jobs.page({ ...filter, ...query }), {
    ...input.options,
    none: Object.keys(filter).length === 0 ? "No jobs." : "No such jobs.",
  });
}

/** Prints one page of jobs, with how to get the next one, or says that there are none. */
export async function printPage(
  { out }: Context,
  jobd: Jobd,
  pages: Pages,
  options: { limit: number; cursor: string | undefined; none: string },
): Promise<void> {
  const page = await collect(pages, options);
  if (out.json) {
    out.document({ items: page.items.map(jobView), nextCursor: page.nextCursor ?? null });
    return;
  }
  const now = jobd.now();
  if (page.items.length > 0) {
    out.table([
      { title: "ID" },
      { title: "STATE" },
      { title: "TYPE", shrinks: true },
      { title: "QUEUE", shrinks: true },
      { title: "PRIORITY", align: "right" },
      { title: "FAILURES", align: "right" },
      { title: "CREATED", align: "right" },
      { title: "NOTE", shrinks: true },
    ], page.items.map((job) => row(job, now)));
  } else out.note(page.nextCursor === undefined ? options.none : "None among those looked at so far.");
  if (page.nextCursor !== undefined) out.note(styled("dim", `There are more: --cursor ${page.nextCursor}`));
}

async function collect(
  pages: Pages,
  { limit, cursor }: { limit: number; cursor: string | undefined },
): Promise<Page<Job>> {
  const items: Job[] = [];
  let next = cursor;
  for (let looked = 0; looked < PAGES; looked++) {
    const page = await pages({ ...compact({ cursor: next }), limit: limit - items.length });
    items.push(...page.items);
    next = page.nextCursor;
    if (next === undefined || items.length >= limit) break;
  }
  return { items, ...compact({ nextCursor: next }) };
}

function row(job: Job, now: number): Part[] {
  return [
    job.id,
    stateOf(job),
    job.type,
    job.queue,
    String(job.priority),
    `${job.failures}/${job.maxAttempts}`,
    relative(job.createdAt, now),
    noteOf(job, now),
  ];
}

function noteOf(job: Job, now: number): Part {
  if (job.cancelRequestedAt !== null && job.state === "running") return styled("yellow", "being cancelled");
  const error = job.error === null || job.state === "completed" ? "" : job.error.message;
  if (job.state === "scheduled") return `${relative(job.runAt, now)}${error === "" ? "" : `: ${error}`}`;
  if (job.state === "running" && job.startedAt !== null) return `since ${relative(job.startedAt, now)}`;
  return job.state === "blocked" ? whyBlocked(job) : error;
}
