import type { BatchCallbacks } from "../../../domain/batch_request.ts";
import { JobdError } from "../../../domain/errors.ts";
import { type Json, parseJson } from "../../../domain/json.ts";
import type { PlainJob } from "../../../runtime/jobd_options.ts";
import type { Input, OptionSpec } from "../command.ts";
import { forRunningAgent } from "../acting_agent.ts";
import type { Context } from "../context.ts";
import { findBatch } from "./batches.ts";
import { compact } from "./compact.ts";
import { payloadSource, readWhole, sourceName } from "./payload.ts";

type Given<T> = OptionSpec<T | undefined>;
type CreateInput = Input<{
  type: Given<string>;
  origin: Given<string>;
  meta: Given<string>;
  parent: Given<string>;
  retention: Given<number>;
  onComplete: Given<string>;
  onFinish: Given<string>;
  onDead: Given<string>;
}>;

/** `jobd batch create` */
export async function createBatch({ options }: CreateInput, context: Context): Promise<void> {
  const { out } = context;
  const { type, origin, retention, parent } = options;
  const given = compact({
    onComplete: await object("--on-complete", options.onComplete, context),
    onFinish: await object("--on-finish", options.onFinish, context),
    onDead: await object("--on-dead", options.onDead, context),
  }) as BatchCallbacks<PlainJob>;
  const meta = await object("--meta", options.meta, context);
  const jobd = await forRunningAgent(await context.jobd(), context.host);
  const outer = parent === undefined ? undefined : (await findBatch(jobd, parent)).id;
  const batch = await jobd.batch([], {
    ...given,
    ...compact({ type, origin, retention, meta, parent: outer }),
    open: true,
  });
  if (out.json) out.document({ id: batch.id, outcome: batch.outcome });
  else out.line(batch.id);
}

async function object(
  flag: string,
  given: string | undefined,
  { host }: Context,
): Promise<{ [key: string]: Json } | undefined> {
  if (given === undefined) return undefined;
  const source = payloadSource(given);
  const name = source.kind === "text" ? flag : `${flag} from ${sourceName(source)}`;
  const value = parseJson(name, await readWhole(source, host));
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new JobdError("invalid_request", `Invalid ${name}: it is not a JSON object`, {
    hint: flag === "--meta"
      ? 'Example: --meta \'{"file":"a.csv"}\''
      : `Example: ${flag} '{"type":"report","payload":{}}'`,
  });
}
