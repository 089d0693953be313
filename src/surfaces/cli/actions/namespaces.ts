import { JobdError } from "../../../domain/errors.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { count, instant, relative } from "../format.ts";
import { iso, namespaceView } from "../../views.ts";

type DeleteInput = Input<{ force: OptionSpec<boolean>; timeout: OptionSpec<number | undefined> }>;

/** `jobd namespaces` */
export async function listNamespaces(_: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const namespaces = await jobd.namespaces.list();
  if (out.json) {
    out.document({ items: namespaces.map((one) => ({ ...one, createdAt: iso(one.createdAt) })) });
  } else if (namespaces.length === 0) out.note("No namespaces yet: one appears with its first job.");
  else {
    const now = jobd.now();
    out.table(
      [{ title: "NAMESPACE" }, { title: "QUEUES", align: "right" }, { title: "SINCE" }],
      namespaces.map(({ name, queues, createdAt }) => [name, String(queues), relative(createdAt, now)]),
    );
  }
}

/** `jobd namespace show` */
export async function showNamespace({ args: [name = ""] }: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const found = await jobd.namespaces.get(name);
  if (out.json) return out.document(namespaceView(found));
  const { queues, createdAt, counts, capped, schedules } = found;
  const jobs = Object.entries(counts).map(([state, number]) =>
    `${number}${capped.some((one) => one === state) ? "+" : ""} ${state}`
  );
  out.line(`Namespace ${name}`);
  out.line(`  Queues     ${queues}`);
  out.line(`  Jobs       ${jobs.length === 0 ? "none that are not completed" : jobs.join(", ")}`);
  out.line(`  Schedules  ${schedules}`);
  out.line(`  Created    ${instant(createdAt, jobd.now())}`);
}

/** `jobd namespace create` */
export async function createNamespace({ args: [name = ""] }: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const made = await jobd.namespaces.create(name);
  if (out.json) out.document({ ...made, createdAt: iso(made.createdAt) });
  else out.line(`${name} created`);
}

/** `jobd namespace delete` */
export async function deleteNamespace({ args, options }: DeleteInput, context: Context): Promise<void> {
  const [name = ""] = args;
  const { force, timeout } = options;
  if (timeout !== undefined && !force) {
    throw new JobdError("invalid_request", "--timeout has a meaning only together with --force");
  }
  const { out } = context;
  const jobd = await context.jobd();
  const report = await jobd.namespaces.delete(name, {
    force,
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    onProgress: (done) => out.progress(`${count(done, "job")} deleted`),
  }).finally(() => out.endProgress());
  if (out.json) return out.document({ name, ...report });
  const { deleted, schedules, tokens } = report;
  const gone = [[deleted, "job"], [schedules.length, "schedule"], [tokens.length, "token"]] as const;
  const words = gone.filter(([number]) => number > 0).map(([number, noun]) => count(number, noun));
  out.line(name, words.length === 0 ? " deleted" : ` deleted with ${words.join(", ")}`);
}
