import { type Json, parseJson } from "../../../domain/json.ts";
import { isToken } from "../../../domain/wait_token.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Resumed, WaitTarget } from "../../../runtime/job_waits.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";
import { payloadSource, readWhole, sourceName } from "./payload.ts";

type Given = OptionSpec<string | undefined>;
type ResumeInput = Input<{ value: OptionSpec<string>; name: Given; key: Given }>;
type CompleteInput = Input<{ result: OptionSpec<string>; name: Given }>;
type FailInput = Input<{ error: OptionSpec<string>; code: OptionSpec<string>; name: Given }>;

const SAID: Record<Resumed["outcome"], string> = {
  resumed: "goes on",
  kept: "has its answer when it asks for it",
  existing: "had this answer already",
};

/** `jobd job resume` */
export async function resume({ args, options }: ResumeInput, context: Context): Promise<void> {
  const value = await readJson("value", options.value, context);
  const jobd = await context.jobd();
  const target = await targetOf(jobd, args[0] ?? "", options.name);
  const resumed = await jobd.waits.resume(target, value, compact({ key: options.key }));
  const { out } = context;
  if (out.json) out.document(resumed);
  else {out.line(
      resumed.jobId,
      " ",
      styled("dim", `${SAID[resumed.outcome]} (${JSON.stringify(resumed.name)})`),
    );}
}

/** `jobd job complete` */
export async function complete({ args, options }: CompleteInput, context: Context): Promise<void> {
  const result = await readJson("result", options.result, context);
  const jobd = await context.jobd();
  const target = await targetOf(jobd, args[0] ?? "", options.name);
  const { jobId } = await jobd.waits.complete(target, result);
  ended(context, jobId, "completed");
}

/** `jobd job fail` */
export async function fail({ args, options }: FailInput, context: Context): Promise<void> {
  const jobd = await context.jobd();
  const target = await targetOf(jobd, args[0] ?? "", options.name);
  const { jobId } = await jobd.waits.fail(target, { code: options.code, message: options.error });
  ended(context, jobId, "dead");
}

function ended({ out }: Context, jobId: string, state: "completed" | "dead"): void {
  if (out.json) out.document({ jobId, state });
  else out.line(jobId, " ", styled("dim", state));
}

/** A token stands for itself; an id may be shortened. */
async function targetOf(jobd: Jobd, given: string, name: string | undefined): Promise<WaitTarget> {
  if (isToken(given)) return given;
  const { id } = await jobd.jobs.find(given);
  return { job: id, ...compact({ name }) };
}

async function readJson(what: string, given: string, { host }: Context): Promise<Json> {
  const source = payloadSource(given);
  return parseJson(
    source.kind === "text" ? `--${what}` : `${what} from ${sourceName(source)}`,
    await readWhole(source, host),
  );
}
