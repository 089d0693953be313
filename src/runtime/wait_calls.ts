import { type Duration, parseDuration } from "../domain/duration.ts";
import { JobdError } from "../domain/errors.ts";
import { failureOf } from "../domain/failure.ts";
import { MAX_INSTANT_MS } from "../domain/instant.ts";
import type { Json } from "../domain/json.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { WaitKind } from "../domain/wait.ts";
import { DIRECTIVE, Directive, fail } from "./handler.ts";
import { checkPayload, issuesText, type PayloadSchema } from "./payload_schema.ts";

/** Options of {@linkcode WaitCalls.waitFor}. */
export interface WaitForOptions<Answer = Json, Otherwise = Answer> {
  /** How long to wait from the first call on. @default for ever */
  timeout?: Duration;
  /** What is given when nobody has answered by then. @default a {@linkcode WaitTimedOut} is thrown */
  onTimeout?: Otherwise;
  /** Checks answers, and makes of them what the handler gets. An answer that does not fit ends the job as a dead letter. */
  schema?: PayloadSchema<unknown, Answer>;
}

/** What a handler may wait for without holding a place: nothing of it runs meanwhile, on no machine. */
export interface WaitCalls {
  /**
   * Waits until somebody answers, in whatever process, for as long as it takes: the attempt ends, and when the answer comes
   * the handler runs again from its beginning, where this call gives it at once. It costs none of the job's attempts. What
   * was done before belongs into steps, so that it is not done again.
   *
   * @throws {JobdError} `timed_out` ({@linkcode WaitTimedOut}) when nobody has answered in time: unless it is caught, the job
   * is a dead letter then; `invalid_request` for a bad name or timeout; `conflict` when the attempt is over
   */
  waitFor<Answer = Json, Otherwise = Answer>(
    name: string,
    options?: WaitForOptions<Answer, Otherwise>,
  ): Promise<Answer | Otherwise>;
  /**
   * What lets somebody answer who knows nothing else, such as by a link in a message: unguessable, the same whenever it is
   * asked for. An answer that comes before `waitFor` is kept for it.
   *
   * @throws {JobdError} `invalid_request` for a bad name; `conflict` when the attempt is over
   */
  waitToken(name: string): Promise<{ token: string }>;
  /** Takes back an answer that is of no use: `waitFor` waits anew, and its token is good again. */
  forgetAnswer(name: string): Promise<void>;
  /**
   * Goes on after this time, counted from the first call, as `waitFor` does: for a sleep longer than a few seconds.
   *
   * @throws {JobdError} `invalid_request` for a bad name or time; `conflict` when the attempt is over
   */
  sleep(name: string, time: Duration): Promise<void>;
}

/** What asking for a wait gives. */
export type Asked =
  | { kind: "answered"; value: Json }
  | { kind: "over"; at: number }
  /** The attempt is to end now. */
  | { kind: "parked" };

/** Asks for a wait that is over after this time, if it has one. */
export type Ask = (wait: { kind: "answer" | "sleep"; name: string; ms: number | null }) => Promise<Asked>;

/** Nobody has answered in time. Thrown on by a handler, it ends the job for good: to run it again would not help. */
export class WaitTimedOut extends JobdError {
  /** Thrown on, it is a {@linkcode Directive}. */
  readonly [DIRECTIVE] = true;
  /** How the attempt ends if nobody catches it. */
  readonly outcome: Outcome;
  /** When it was over, epoch milliseconds. */
  readonly at: number;

  /** Nobody has answered the wait of this name by then, in epoch milliseconds. */
  constructor(name: string, at: number) {
    super("timed_out", `Nobody has answered ${JSON.stringify(name)} by ${new Date(at).toISOString()}`, {
      hint: "Catch this error to do without an answer, or retry the job to wait anew.",
    });
    this.at = at;
    this.outcome = { kind: "failed", error: failureOf(this), permanent: true };
  }
}

/** The end of an attempt whose handler waits. */
export function parkedAt(name: string): Directive {
  return new Directive({ kind: "parked", wait: name });
}

/** {@linkcode WaitCalls.waitFor}, wherever the handler runs. */
export async function waitFor<Answer, Otherwise>(
  ask: Ask,
  forget: (name: string) => Promise<void>,
  { name, options }: { name: string; options: WaitForOptions<Answer, Otherwise> },
): Promise<Answer | Otherwise> {
  const { timeout, schema } = options;
  const ms = timeout === undefined ? null : parseDuration(timeout, "timeout");
  const asked = await ask({ kind: "answer", name, ms });
  if (asked.kind === "parked") throw parkedAt(name);
  if (asked.kind === "over") {
    if ("onTimeout" in options) return options.onTimeout as Otherwise;
    throw new WaitTimedOut(name, asked.at);
  }
  const checked = await checkPayload(schema as PayloadSchema | undefined, asked.value);
  if (checked.issues === undefined) return checked.value as Answer;
  // Kept, it would end the job again when somebody retries it.
  await forget(name);
  const message = `The answer to ${JSON.stringify(name)} does not fit: ${issuesText(checked.issues)}`;
  throw fail({ code: "invalid_answer", message }, { permanent: true });
}

/** {@linkcode WaitCalls.sleep}, wherever the handler runs. */
export async function sleepUntilOver(ask: Ask, name: string, time: Duration): Promise<void> {
  const asked = await ask({ kind: "sleep", name, ms: parseDuration(time, "time to sleep") });
  if (asked.kind === "parked") throw parkedAt(name);
}

/** Asks on behalf of a handler in another process, by the calls of a context here. */
export async function askWithin(
  { waitFor, sleep }: WaitCalls,
  { kind, wait, ms }: { kind: WaitKind; wait: string; ms: number | null },
): Promise<Asked> {
  try {
    if (kind === "answer") {
      return { kind: "answered", value: await waitFor(wait, ms === null ? {} : { timeout: ms }) };
    }
    await sleep(wait, ms ?? 0);
    return { kind: "over", at: 0 };
  } catch (thrown) {
    if (thrown instanceof WaitTimedOut) return { kind: "over", at: thrown.at };
    if (thrown instanceof Directive && thrown.outcome.kind === "parked") return { kind: "parked" };
    throw thrown;
  }
}

/** When a time that begins now is over. */
export function overAt(now: number, ms: number | null): number | null {
  return ms === null ? null : Math.min(now + ms, MAX_INSTANT_MS);
}
