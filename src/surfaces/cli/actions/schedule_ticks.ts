import { JobdError } from "../../../domain/errors.ts";
import type { TickOutcome, TickRecord } from "../../../domain/schedule.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { count, instant, span } from "../format.ts";
import type { Output } from "../output.ts";
import { type Style, styled } from "../style.ts";
import { compact } from "./compact.ts";
import type { TimeFlags } from "./schedule_flags.ts";
import { tickParts } from "./schedule_text.ts";
import { iso, tickView } from "../../views.ts";

const STYLES: Record<TickOutcome, Style> = {
  started: "green",
  emitted: "green",
  skipped: "yellow",
  missed: "red",
  failed: "red",
};

type NextInput = Input<TimeFlags & { count: OptionSpec<number>; from: OptionSpec<number | undefined> }>;

/** `jobd schedule next` */
export async function nextTicks({ args: [name], options }: NextInput, context: Context): Promise<void> {
  const { out } = context;
  const { cron, timezone, every, anchor, count: many, from } = options;
  const rule = compact({ cron, timezone, every, anchor: anchor === "default" ? undefined : anchor });
  if ((name === undefined) === (Object.keys(rule).length === 0)) {
    throw new JobdError(
      "invalid_request",
      "It is not said which ticks: those of a schedule, or of an expression",
      {
        hint: 'Example: jobd schedule next --cron "30 2 * * *" --timezone Europe/Berlin',
      },
    );
  }
  const jobd = await context.jobd();
  const zone = name === undefined ? timezone : (await jobd.schedules.get(name)).spec.timezone;
  const ticks = await jobd.schedules.next(name ?? rule, compact({ count: many, from }));
  if (out.json) return out.document({ items: ticks.map(iso) });
  if (ticks.length === 0) out.note("There are no more ticks.");
  for (const tick of ticks) out.line(...tickParts(tick, zone, jobd.now()));
}

/** `jobd schedule history` */
export async function tickHistory(
  { args: [name = ""], options }: Input<{ limit: OptionSpec<number> }>,
  context: Context,
): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const history = await jobd.schedules.history(name, { limit: options.limit });
  if (out.json) return out.document({ items: history.map(tickView) });
  if (history.length === 0) return out.note("It has had no ticks yet.");
  printHistory(out, history, jobd.now());
}

/** A table of what became of ticks. */
export function printHistory(out: Output, history: readonly TickRecord[], now: number): void {
  out.table(
    [{ title: "TICK" }, { title: "BECAME" }, { title: "LATE", align: "right" }, { title: "JOB" }, {
      title: "NOTE",
      shrinks: true,
    }],
    history.map(({ tick, at, outcome, jobId = "", reason = "", count: many, manual }) => [
      instant(tick, now),
      styled(STYLES[outcome], outcome),
      manual === undefined ? span(Math.max(0, at - tick)) : "",
      jobId,
      [many === undefined ? "" : `${count(many, "tick")}`, manual ?? "", reason].filter((one) => one !== "")
        .join(", "),
    ]),
  );
}

type BackfillInput = Input<{ from: OptionSpec<number | undefined>; to: OptionSpec<number | undefined> }>;

/** `jobd schedule backfill` */
export async function backfillTicks(
  { args: [name = ""], options }: BackfillInput,
  context: Context,
): Promise<void> {
  const { out } = context;
  const { from, to } = options;
  if (from === undefined) {
    throw new JobdError("invalid_request", "It is not said from when on", {
      hint: "Give --from, such as --from 2026-01-01.",
    });
  }
  const jobd = await context.jobd();
  const report = await jobd.schedules.backfill(name, { from, ...compact({ to }) });
  if (out.json) return out.document(report);
  out.line(`${count(report.ticks, "tick")}: ${report.created} made, ${report.existing} were there already`);
}
