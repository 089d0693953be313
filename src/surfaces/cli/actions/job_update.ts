import { JobdError } from "../../../domain/errors.ts";
import { type Json, parseJson } from "../../../domain/json.ts";
import { joinedPaths } from "../../../domain/redaction.ts";
import { jobPatch, type JobUpdate } from "../../../domain/job_update.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { compact } from "./compact.ts";
import { headersOf } from "./headers.ts";
import { reportActions } from "./job_actions.ts";
import { payloadSource, readWhole, sourceName } from "./payload.ts";
import { findJobs } from "./targets.ts";

type Given<T> = OptionSpec<T | undefined>;
type UpdateInput = Input<{
  payload: Given<string>;
  queue: Given<string>;
  priority: Given<number>;
  delay: Given<number>;
  at: Given<number>;
  maxAttempts: Given<number>;
  timeout: Given<number | null>;
  ttl: Given<number | null>;
  limitKey: Given<string | null>;
  tag: OptionSpec<string[]>;
  redact: OptionSpec<string[]>;
  noTags: OptionSpec<boolean>;
  header: OptionSpec<(readonly [string, string])[]>;
  noHeaders: OptionSpec<boolean>;
}>;

/** `jobd job update` */
export async function updateJobs(input: UpdateInput, context: Context): Promise<number> {
  const update = await updateOf(input, context);
  // What is wrong with it is said without a store.
  jobPatch(update, 0);
  const jobd = await context.jobd();
  const { jobs, missed } = await findJobs(jobd, input.args);
  const report = await jobd.jobs.update(jobs.map(({ id }) => id), update);
  return reportActions(context.out, "updated", report, missed);
}

async function updateOf({ options }: UpdateInput, context: Context): Promise<JobUpdate> {
  const { payload, at, tag, noTags, redact, header, noHeaders, ...rest } = options;
  if (noTags && tag.length > 0) throw contradiction("tag");
  if (noHeaders && header.length > 0) throw contradiction("header");
  const update: JobUpdate = compact({
    ...rest,
    runAt: at,
    tags: noTags ? null : tag.length === 0 ? undefined : tag,
    redact: joinedPaths(redact),
    headers: noHeaders ? null : headersOf(header),
    payload: payload === undefined ? undefined : await readPayload(payload, context),
  });
  if (Object.keys(update).length > 0) return update;
  throw new JobdError("invalid_request", "There is nothing to change: no flag says what", {
    hint: "Example: jobd job update 4f2a91c0 --priority high",
  });
}

function contradiction(what: "tag" | "header"): JobdError {
  return new JobdError("invalid_request", `--${what} and --no-${what}s contradict each other`, {
    hint: `Give one of the two: the ${what}s that are given take the place of all that were there.`,
  });
}

/** The payload that a flag gives. */
export async function readPayload(given: string, { host }: Context): Promise<Json> {
  const source = payloadSource(given);
  const what = source.kind === "text" ? "--payload" : `payload from ${sourceName(source)}`;
  return parseJson(what, await readWhole(source, host));
}
