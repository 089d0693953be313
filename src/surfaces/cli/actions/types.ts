import { JOB_STATES } from "../../../domain/states.ts";
import type { TypeInfo } from "../../../runtime/types.ts";
import type { Input } from "../command.ts";
import type { Context } from "../context.ts";

/** `jobd types` */
export async function listTypes(_: Input, context: Context): Promise<void> {
  const { out } = context;
  const types = await (await context.jobd()).types.list();
  if (out.json) return out.document({ items: types });
  if (types.length === 0) {
    return out.note("No types yet: one appears with its first job, or a worker that runs it.");
  }
  const states = JOB_STATES.filter((state) =>
    types.some(({ jobs }) => jobs.some((one) => one.state === state))
  );
  out.table(
    [
      { title: "TYPE" },
      ...states.map((state) => ({ title: state.toUpperCase(), align: "right" as const })),
      { title: "ENDED, 1d", shrinks: true },
      { title: "WORKERS", align: "right" },
    ],
    types.map((info) => [
      info.type,
      ...states.map((state) => countText(info, state)),
      Object.entries(info.ended).map(([outcome, count]) => `${count} ${outcome}`).join(", "),
      String(info.workers),
    ]),
  );
}

function countText({ jobs }: TypeInfo, state: string): string {
  const found = jobs.find((one) => one.state === state);
  return found === undefined ? "" : `${found.count}${found.capped ? "+" : ""}`;
}
