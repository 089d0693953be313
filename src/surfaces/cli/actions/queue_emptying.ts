import { JobdError } from "../../../domain/errors.ts";
import type { WaitingState } from "../../../domain/states.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";

type DrainInput = Input<{
  state: OptionSpec<WaitingState[]>;
  wait: OptionSpec<boolean>;
  timeout: OptionSpec<number | undefined>;
}>;

type DeleteInput = Input<{ force: OptionSpec<boolean>; timeout: OptionSpec<number | undefined> }>;

/** `jobd queue drain` */
export async function drainQueue({ args, options }: DrainInput, context: Context): Promise<void> {
  const [name = ""] = args;
  const { state, wait, timeout } = options;
  if (timeout !== undefined && !wait) throw onlyWith("wait");
  const { out } = context;
  const jobd = await context.jobd();
  const report = await jobd.queues.drain(name, {
    wait,
    ...(state.length === 0 ? {} : { state }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    onProgress: (done) => out.progress(`${count(done, "job")} cancelled`),
  }).finally(() => out.endProgress());
  if (out.json) out.document({ name, ...report });
  else {
    const running = report.running === 0 ? "none runs" : `${report.running} still running`;
    out.line(name, ` drained: ${count(report.cancelled, "job")} cancelled, ${running}`);
  }
}

/** `jobd queue delete` */
export async function deleteQueue({ args, options }: DeleteInput, context: Context): Promise<void> {
  const [name = ""] = args;
  const { force, timeout } = options;
  if (timeout !== undefined && !force) throw onlyWith("force");
  const { out } = context;
  const jobd = await context.jobd();
  const report = await jobd.queues.delete(name, {
    force,
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    onProgress: (done) => out.progress(`${count(done, "job")} deleted`),
  }).finally(() => out.endProgress());
  if (out.json) out.document({ name, ...report });
  else out.line(name, report.deleted === 0 ? " deleted" : ` deleted with ${count(report.deleted, "job")}`);
  if (report.schedules.length > 0) {
    out.note(`The next tick of a schedule makes the queue again: ${report.schedules.join(", ")}`);
  }
}

function onlyWith(flag: string): JobdError {
  return new JobdError("invalid_request", `--timeout has a meaning only together with --${flag}`);
}
