import { JobdError } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import { checkKeptName, type JobWait, type WaitKind } from "../domain/wait.ts";
import { makeToken } from "../domain/wait_token.ts";
import type { Driver } from "../storage/driver.ts";
import { attemptOver } from "./attempt_over.ts";
import type { Keyring } from "./encryption/keyring.ts";
import { type Ask, type Asked, overAt, sleepUntilOver, type WaitCalls, waitFor } from "./wait_calls.ts";

/** Makes the waits of attempts. */
export type WaitsOf = (job: Job) => AttemptWaits;

/** What the handler of one attempt waits for. */
export class AttemptWaits implements WaitCalls {
  readonly waitFor: WaitCalls["waitFor"];
  readonly sleep: WaitCalls["sleep"];
  readonly waitToken: WaitCalls["waitToken"];
  readonly forgetAnswer: WaitCalls["forgetAnswer"];
  readonly #driver: Driver;
  readonly #job: Job;
  readonly #keyring: Keyring;
  readonly #now: () => number;
  #parkedAt: string | undefined;

  constructor(job: Job, { driver, keyring, now }: { driver: Driver; keyring: Keyring; now(): number }) {
    this.#driver = driver;
    this.#keyring = keyring;
    this.#job = job;
    this.#now = now;
    const ask: Ask = (wait) => this.#ask(wait);
    const forget = (name: string): Promise<void> => this.#forget(name);
    // Handlers take these out of the context.
    this.waitFor = (name, options = {}) => waitFor(ask, forget, { name, options });
    this.sleep = (name, time) => sleepUntilOver(ask, name, time);
    this.waitToken = (name) => this.#token(name);
    this.forgetAnswer = forget;
  }

  /**
   * What the attempt has begun to wait for. It ends so whatever the handler still gives: what it catches or wraps on its way
   * out is only the way out.
   */
  get parkedAt(): string | undefined {
    return this.#parkedAt;
  }

  async #ask({ kind, name, ms }: Parameters<Ask>[0]): Promise<Asked> {
    const wait = await this.#open({ name, kind, until: overAt(this.#now(), ms), ask: true });
    if (wait.answeredAt !== null) {
      const value = await this.#keyring.openPart(this.#job, { field: "answer", name }, wait.value);
      return { kind: "answered", value };
    }
    if (wait.kind !== kind) throw otherKind(wait);
    if (wait.timedOutAt !== null) return { kind: "over", at: wait.timedOutAt };
    this.#parkedAt = name;
    return { kind: "parked" };
  }

  async #token(name: string): Promise<{ token: string }> {
    const wait = await this.#open({ name, kind: "answer", until: null, ask: false });
    if (wait.kind !== "answer") throw otherKind(wait);
    return { token: await makeToken(await this.#driver.secret(), this.#job.id, name) };
  }

  async #forget(name: string): Promise<void> {
    checkKeptName("wait name", name);
    await this.#driver.forgetWait(this.#job, name);
  }

  async #open(
    { name, ...opening }: { name: string; kind: WaitKind; until: number | null; ask: boolean },
  ): Promise<JobWait> {
    const wait = await this.#driver.openWait(this.#job, {
      ...opening,
      name: checkKeptName("wait name", name),
      at: this.#now(),
    });
    if (wait === undefined) throw attemptOver();
    return wait;
  }
}

/** What an attempt hears that uses the name of a sleep for an answer, or the other way round. */
export function otherKind({ name, kind }: JobWait): JobdError {
  const is = kind === "sleep" ? "a sleep" : "a wait for an answer";
  return new JobdError("invalid_request", `${JSON.stringify(name)} is the name of ${is} of this job`, {
    hint: "Give each wait and each sleep of a job a name of its own.",
  });
}
