import { type AuditEntry, DONE, type Surface } from "../../../domain/audit.ts";
import type { Json } from "../../../domain/json.ts";
import { auditView } from "../../audit_view.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { PAGE } from "../commands/options.ts";
import type { Context } from "../context.ts";
import { relative } from "../format.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";

type Moment = number | { agoMs: number } | undefined;
type AuditInput = Input<
  typeof PAGE & {
    operation: OptionSpec<string | undefined>;
    actor: OptionSpec<string | undefined>;
    surface: OptionSpec<Surface | undefined>;
    outcome: OptionSpec<"done" | "failed" | undefined>;
    request: OptionSpec<string | undefined>;
    since: OptionSpec<Moment>;
    until: OptionSpec<Moment>;
  }
>;

/** `jobd audit` */
export async function showAudit({ options }: AuditInput, context: Context): Promise<void> {
  const { out } = context;
  const { since, until, outcome, request, ...rest } = options;
  const jobd = await context.jobd();
  const now = jobd.now();
  const at = (moment: Moment): number | undefined => typeof moment === "object" ? now - moment.agoMs : moment;
  const page = await jobd.audit.page(compact({
    ...rest,
    from: at(since),
    to: at(until),
    done: outcome === undefined ? undefined : outcome === "done",
    requestId: request,
  }));
  if (out.json) {
    out.document({ items: page.items.map(auditView), nextCursor: page.nextCursor ?? null });
    return;
  }
  if (page.items.length > 0) table(context, page.items, now);
  else out.note(page.nextCursor === undefined ? "Nothing like that." : "Nothing like that so far.");
  if (page.nextCursor !== undefined) out.note(styled("dim", `There are more: --cursor ${page.nextCursor}`));
}

function table({ out }: Context, entries: readonly AuditEntry[], now: number): void {
  out.table(
    [
      { title: "WHEN" },
      { title: "WHO" },
      { title: "BY" },
      { title: "OPERATION" },
      { title: "OUTCOME" },
      { title: "WITH", shrinks: true },
    ],
    entries.map((entry) => [
      relative(entry.at, now),
      [entry.name, entry.token].filter((text) => text !== null).join(" ") || "unknown",
      entry.address === null ? entry.surface : `${entry.surface} ${entry.address}`,
      entry.operation,
      styled(entry.outcome === DONE ? "green" : "red", outcomeText(entry)),
      withText(entry.input),
    ]),
  );
}

function outcomeText({ outcome, result }: AuditEntry): string {
  const facts = Object.entries(result).filter(([, value]) => typeof value === "number");
  return [outcome, ...facts.map(([name, value]) => `${value} ${name}`)].join(", ");
}

/** What it was called with, without what is always there: `{"which": ["a", "b"]}` is the ids. */
function withText(input: Json): string {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return JSON.stringify(input);
  return Object.entries(input).map(([name, value]) =>
    typeof value === "string" ? value : `${name} ${JSON.stringify(value)}`
  ).join(" ");
}
