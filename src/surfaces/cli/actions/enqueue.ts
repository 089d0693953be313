import { JobdError } from "../../../domain/errors.ts";
import { parseJson } from "../../../domain/json.ts";
import { joinedPaths } from "../../../domain/redaction.ts";
import { type JobRequest, newJob } from "../../../domain/request.ts";
import { uuidv7 } from "../../../domain/uuid.ts";
import type { Enqueued } from "../../../runtime/enqueued.ts";
import type { InsertOutcome } from "../../../storage/driver.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Input, OptionSpec } from "../command.ts";
import { forRunningAgent } from "../acting_agent.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";
import { styled } from "../style.ts";
import { type AfterFlags, afterOptions } from "./after.ts";
import { compact } from "./compact.ts";
import { type GroupFlags, groupOptions } from "./groups.ts";
import { headersOf } from "./headers.ts";
import { SHIPPED_TYPES } from "./handlers.ts";
import { type PayloadSource, payloadSource, readWhole, sourceName } from "./payload.ts";
import { type UniqueFlags, uniqueOptions } from "./unique.ts";

type Given<T> = OptionSpec<T | undefined>;
type EnqueueInput = Input<
  & {
    payload: Given<string>;
    bulk: OptionSpec<boolean>;
    spread: Given<number>;
    jitter: OptionSpec<boolean>;
    queue: Given<string>;
    priority: Given<number>;
    delay: Given<number>;
    at: Given<number>;
    maxAttempts: Given<number>;
    timeout: Given<number>;
    ttl: Given<number>;
    retention: Given<number>;
    batch: Given<string>;
    limitKey: Given<string>;
    tag: OptionSpec<string[]>;
    redact: OptionSpec<string[]>;
    origin: Given<string>;
    header: OptionSpec<(readonly [string, string])[]>;
    encrypt: OptionSpec<boolean>;
    wait: OptionSpec<boolean>;
    follow: OptionSpec<boolean>;
  }
  & UniqueFlags
  & AfterFlags
  & GroupFlags
>;

/** `jobd enqueue` */
export async function enqueue(input: EnqueueInput, context: Context): Promise<number> {
  checkCombination(input);
  const { options } = input;
  return options.bulk ? await bulk(input, context) : await single(input, context);
}

function checkCombination({ args, options }: EnqueueInput): void {
  const { bulk, uniqueKey, uniqueFields, wait, follow, payload, spread, jitter } = options;
  const refuse = (message: string, hint: string): never => {
    throw new JobdError("invalid_request", message, { hint });
  };
  if (bulk && (wait || follow)) {
    refuse("--bulk cannot be combined with --wait or --follow", "Enqueue first, then look with `jobd jobs`.");
  }
  if (bulk && uniqueKey !== undefined && uniqueFields.length === 0) {
    refuse(
      "--bulk cannot be combined with --unique-key",
      "All lines would be one and the same job: make the key of the payload with --unique-fields.",
    );
  }
  if (!bulk && spread !== undefined) {
    refuse("--spread is for many jobs", "Give --bulk, or --delay for one job.");
  }
  if (jitter && spread === undefined) refuse("--jitter needs --spread", "Example: --spread 10m --jitter");
  if (!bulk && payload === undefined && args.length === 0) {
    refuse(
      "There is nothing to enqueue: neither TYPE nor --payload is given",
      `Example: jobd enqueue --payload '{"prompt":"write hello world in go"}'`,
    );
  }
}

/** What all jobs of the call have in common. */
function requestOf({ args, options }: EnqueueInput): JobRequest {
  const {
    queue,
    priority,
    delay,
    at,
    maxAttempts,
    timeout,
    ttl,
    retention,
    batch,
    limitKey,
    tag,
    redact,
    origin,
    header,
  } = options;
  return compact({
    type: args[0],
    queue,
    priority,
    delay,
    runAt: at,
    maxAttempts,
    timeout,
    ttl,
    retention,
    unique: uniqueOptions(options),
    after: afterOptions(options),
    batch,
    group: groupOptions(options),
    limitKey,
    tags: tag.length === 0 ? undefined : tag,
    redact: joinedPaths(redact),
    origin,
    headers: headersOf(header),
    encrypt: options.encrypt ? true : undefined,
  });
}

async function single(input: EnqueueInput, context: Context): Promise<number> {
  const { wait, follow } = input.options;
  const { out, host } = context;
  const request = requestOf(input);
  if (input.options.payload !== undefined) {
    const source = payloadSource(input.options.payload);
    askForInput(source, context);
    request.payload = parseJson(
      source.kind === "text" ? "--payload" : `payload from ${sourceName(source)}`,
      await readWhole(source, host),
    );
  }
  // What is wrong with the request is said without a store.
  const type = newJob(request, { now: 0, id: uuidv7(0, new Uint8Array(16)), maxAttempts: 1 }).type;
  const jobd = await forRunningAgent(await context.jobd(), context.host);
  const enqueued = await jobd.enqueue(request);
  if (wait || follow) {
    out.note(styled("dim", `Job ${enqueued.id}${HOW[enqueued.outcome]}`));
    await noteIfUnserved(jobd, type, request.queue, context);
    const { awaitJob } = await import("./await_job.ts");
    return await awaitJob(enqueued, { follow }, context, jobd);
  }
  if (out.json) out.document(enqueued);
  else out.line(enqueued.id);
  const note = noteAbout(enqueued);
  if (note !== undefined) out.note(styled("dim", note));
  await out.flush();
  await noteIfUnserved(jobd, type, request.queue, context);
  return 0;
}

async function bulk(input: EnqueueInput, context: Context): Promise<number> {
  const { out } = context;
  const source = payloadSource(input.options.payload ?? "-");
  askForInput(source, context);
  const request = requestOf(input);
  const { enqueueBulk } = await import("./bulk.ts");
  const jobd = await forRunningAgent(await context.jobd(), context.host);
  const { spread: over, jitter } = input.options;
  const spread = over === undefined ? undefined : { over, jitter };
  const jobs = await enqueueBulk(source, request, context, { jobd, spread });
  const number = (outcome: InsertOutcome): number => jobs.filter((job) => job.outcome === outcome).length;
  const numbers = { created: number("created"), existing: number("existing"), replaced: number("replaced") };
  if (out.json) out.document({ ...numbers, items: jobs });
  else out.note(styled("dim", bulkText(numbers)));
  return 0;
}

function bulkText({ created, existing, replaced }: Record<InsertOutcome, number>): string {
  return [
    `${count(created, "job")} enqueued`,
    ...(replaced === 0 ? [] : [`${replaced} replaced`]),
    ...(existing === 0 ? [] : [`${existing} existed already`]),
  ].join(", ");
}

const HOW: Record<InsertOutcome, string> = {
  created: "",
  existing: " existed already",
  replaced: " took the place of what was there",
};

/** What became of a request that did not simply make a job. */
function noteAbout({ outcome, state, displaced }: Enqueued): string | undefined {
  if (outcome === "created") return undefined;
  if (outcome === "existing") return `The job existed already; it is ${state}.`;
  if (displaced === undefined) return `The job existed already and was changed; it is ${state}.`;
  return displaced.state === "running"
    ? `Job ${displaced.id}, which had its unique key, was told to stop.`
    : `Job ${displaced.id}, which had its unique key, was cancelled.`;
}

function askForInput(source: PayloadSource, { host, out }: Context): void {
  if (source.kind === "stdin" && host.stdin.isTerminal) {
    out.note(styled("dim", "Type the JSON, then Ctrl-D."));
  }
}

/** A job that nobody runs is a common surprise; the job itself is safe, so this is only a note. */
async function noteIfUnserved(jobd: Jobd, type: string, queue = "default", { out }: Context): Promise<void> {
  const workers = await jobd.workers.list().catch(() => undefined);
  if (workers === undefined) return;
  const serves = workers.some((worker) =>
    (worker.types === "all" || worker.types.includes(type)) &&
    (worker.queues === "all" || worker.queues.includes(queue))
  );
  if (serves) return;
  const shipped = SHIPPED_TYPES.includes(type);
  const what = shipped && workers.length === 0
    ? "No worker is running"
    : `No running worker serves type ${type} in queue ${queue}`;
  const advice = shipped
    ? "Start one with `jobd start` or `jobd worker`."
    : `\`jobd start\` and \`jobd worker\` run ${SHIPPED_TYPES.join(", ")}; ` +
      "for another type give them a file with its handler: --handlers FILE (docs/handlers.md).";
  out.note(styled("yellow", "note:"), ` ${what}: the job waits. ${advice}`);
}
