import { BATCH_MOMENTS, type BatchMoment, type BatchState } from "../../../domain/batch.ts";
import { formatDuration } from "../../../domain/duration.ts";
import { JobdError, show } from "../../../domain/errors.ts";
import { isUuid } from "../../../domain/uuid.ts";
import type { BatchInfo } from "../../../runtime/batch_options.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { BatchStateCount, Page } from "../../../storage/driver.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { INTERRUPTED } from "../exit_codes.ts";
import { instant, relative } from "../format.ts";
import { type Part, type Style, styled } from "../style.ts";
import { progressText } from "./batch_text.ts";
import { compact } from "./compact.ts";
import { reportActions } from "./job_actions.ts";
import { batchView } from "../../views.ts";

/** Recent batches among which a shortened id is looked for. */
const RECENT = 1_000;
/** A page looks at a bounded number of batches; after this many pages a rare filter answers with what it has. */
const PAGES = 50;
/** Batches inside a batch that are shown. */
const INNER = 20;

const STYLES: Record<BatchState, Style> = {
  open: "cyan",
  running: "yellow",
  completed: "green",
  failed: "red",
  cancelled: "dim",
};

type ListInput = Input<{
  state: OptionSpec<BatchState[]>;
  type: OptionSpec<string[]>;
  parent: OptionSpec<string | undefined>;
  limit: OptionSpec<number>;
  cursor: OptionSpec<string | undefined>;
}>;

/** `jobd batches` */
export async function listBatches({ options }: ListInput, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const { state, type, limit, cursor } = options;
  const parent = options.parent === undefined ? undefined : (await findBatch(jobd, options.parent)).id;
  const some = <T>(items: T[]): T[] | undefined => items.length === 0 ? undefined : items;
  const filter = compact({ state: some(state), type: some(type), parent });
  const page = await collect(jobd, filter, { limit, cursor });
  const counts = await jobd.batches.counts();
  if (out.json) {
    return out.document({
      items: page.items.map(batchView),
      nextCursor: page.nextCursor ?? null,
      counts: Object.fromEntries(counts.map(({ state, count }) => [state, count])),
    });
  }
  const now = jobd.now();
  if (page.items.length > 0) {
    out.table([
      { title: "ID" },
      { title: "STATE" },
      { title: "TYPE", shrinks: true },
      { title: "PROGRESS" },
      { title: "CREATED", align: "right" },
      { title: "ORIGIN", shrinks: true },
    ], page.items.map((batch) => row(batch, now)));
    out.note(styled("dim", countsText(counts)));
  } else if (page.nextCursor !== undefined) out.note("None among those looked at so far.");
  else out.note(Object.keys(filter).length === 0 ? "No batches." : "No such batches.");
  if (page.nextCursor !== undefined) out.note(styled("dim", `There are more: --cursor ${page.nextCursor}`));
}

async function collect(
  jobd: Jobd,
  filter: object,
  { limit, cursor }: { limit: number; cursor: string | undefined },
): Promise<Page<BatchInfo>> {
  const items: BatchInfo[] = [];
  let next = cursor;
  for (let pages = 0; pages < PAGES; pages++) {
    const page = await jobd.batches.page({
      ...filter,
      ...compact({ cursor: next }),
      limit: limit - items.length,
    });
    items.push(...page.items);
    next = page.nextCursor;
    if (next === undefined || items.length >= limit) break;
  }
  return { items, ...compact({ nextCursor: next }) };
}

function countsText(counts: BatchStateCount[]): string {
  const some = counts.filter(({ count }) => count > 0);
  return some.map(({ state, count, capped }) => `${count}${capped ? " or more" : ""} ${state}`).join(", ");
}

function row(batch: BatchInfo, now: number): Part[] {
  const { id, type, counts, createdAt, origin } = batch;
  return [id, stateOf(batch), type, progressText(counts), relative(createdAt, now), origin ?? ""];
}

function stateOf({ state, cancelRequestedAt }: BatchInfo): Part {
  const cancelling = cancelRequestedAt !== null && state === "running";
  return styled(STYLES[state], cancelling ? "cancelling" : state);
}

/** Finds a batch by an id that may be shortened. @throws {JobdError} `not_found`, `conflict`, `invalid_request` */
export async function findBatch(jobd: Jobd, given: string): Promise<BatchInfo> {
  const part = given.toLowerCase();
  if (isUuid(part)) return await jobd.batches.get(part);
  if (!/^[0-9a-f-]{4,36}$/.test(part)) {
    throw new JobdError(
      "invalid_request",
      `Invalid batch id: ${show(given)} is not a UUID or at least 4 characters of one`,
    );
  }
  const found: BatchInfo[] = [];
  let looked = 0;
  for await (const batch of jobd.batches.list()) {
    if (batch.id.startsWith(part) || batch.id.endsWith(part)) found.push(batch);
    if (++looked >= RECENT) break;
  }
  const [batch, second] = found;
  if (batch === undefined) {
    throw new JobdError("not_found", `There is no batch ${show(given)}`, {
      hint:
        "List batches with `jobd batches`; those that have ended are removed when their retention has passed.",
    });
  }
  if (second !== undefined) {
    const ids = found.slice(0, 5).map(({ id }) => id).join(", ");
    throw new JobdError("conflict", `${show(given)} is not unique: it matches ${ids}`, {
      hint: "Give more characters of the id.",
    });
  }
  return batch;
}

/** `jobd batch show` */
export async function showBatch({ args: [id = ""] }: Input, context: Context): Promise<void> {
  const jobd = await context.jobd();
  await print(context, jobd, await findBatch(jobd, id));
}

/** `jobd batch seal` */
export async function sealBatch({ args: [id = ""] }: Input, context: Context): Promise<void> {
  const jobd = await context.jobd();
  await print(context, jobd, await jobd.batches.seal(await findBatch(jobd, id)));
}

/** `jobd batch cancel` */
export async function cancelBatch({ args: [id = ""] }: Input, context: Context): Promise<void> {
  const jobd = await context.jobd();
  await print(context, jobd, await jobd.batches.cancel(await findBatch(jobd, id)));
}

/** `jobd batch retry` */
export async function retryBatch({ args: [id = ""] }: Input, context: Context): Promise<number> {
  const { out } = context;
  const jobd = await context.jobd();
  const report = await jobd.batches.retry(await findBatch(jobd, id));
  if (!out.json && report.succeeded.length + report.failed.length === 0) out.note("No member is dead.");
  return reportActions(out, "runs again", report, []);
}

/** `jobd batch wait` */
export async function waitForBatch(
  { args: [id = ""], options }: Input<{ timeout: OptionSpec<number | undefined> }>,
  context: Context,
): Promise<number> {
  const jobd = await context.jobd();
  const found = await findBatch(jobd, id);
  const signal = context.interrupted();
  const ended = await jobd.batches.wait(found, { signal, ...compact({ timeoutMs: options.timeout }) })
    .catch((error: unknown) => {
      if (error instanceof JobdError && error.code === "timed_out" && signal.aborted) return undefined;
      throw error;
    });
  if (ended === undefined) {
    context.out.note(`No longer waiting; the batch goes on. Look at it with: jobd batch show ${found.id}`);
    return INTERRUPTED;
  }
  await print(context, jobd, ended);
  return ended.state === "completed" ? 0 : 1;
}

async function print({ out }: Context, jobd: Jobd, batch: BatchInfo): Promise<void> {
  const { id, type, counts, origin, meta, parent, createdAt, sealedAt, finishedAt, callbacks } = batch;
  const inner = await jobd.batches.page({ parent: id, limit: INNER });
  if (out.json) return out.document({ ...batchView(batch), batches: inner.items.map(batchView) });
  const now = jobd.now();
  const field = (label: string, ...parts: Part[]): void =>
    out.line(styled("dim", `  ${label.padEnd(12)}`), ...parts);
  out.line(styled("bold", `Batch ${id}`));
  field("State", stateOf(batch), sealedAt === null ? ": it waits to be sealed" : "");
  field("Type", type);
  field("Progress", progressText(counts));
  if (parent !== null) field("Inside", parent);
  if (origin !== null) field("Origin", origin);
  if (Object.keys(meta).length > 0) field("Meta", JSON.stringify(meta));
  field("Created", instant(createdAt, now));
  if (finishedAt !== null) {
    field("Finished", `${instant(finishedAt, now)}, took ${formatDuration(finishedAt - createdAt)}`);
  }
  for (const on of BATCH_MOMENTS) field(...callbackParts(on, callbacks[on]));
  for (const one of inner.items) {
    field("Batch", one.id, "  ", stateOf(one), `  ${one.type}, ${progressText(one.counts)}`);
  }
  if (inner.nextCursor !== undefined) {
    out.note(styled("dim", `It has more than ${INNER} batches: jobd batches --parent ${id}`));
  }
  if (counts.dead > 0) out.note(styled("dim", `Its dead jobs: jobd jobs --batch ${id} --state dead`));
}

function callbackParts(on: BatchMoment, callback: BatchInfo["callbacks"][BatchMoment]): [string, ...Part[]] {
  const label = `On ${on}`;
  if (callback === undefined) return [label, styled("dim", "nothing")];
  const { id, type, queue, enqueued } = callback;
  return [label, `${type} in ${queue}`, styled("dim", enqueued ? `: job ${id}` : ": not yet")];
}
