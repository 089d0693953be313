import { amendmentOf, type Plan } from "../domain/amendment.ts";
import { ENCRYPTED } from "../domain/encryption.ts";
import { JobdError, show } from "../domain/errors.ts";
import { storableFailure } from "../domain/failure.ts";
import type { FailureRecord, Job } from "../domain/job.ts";
import { checkJson, type Json, RESULT_LIMITS } from "../domain/json.ts";
import { redactionOf } from "../domain/redaction.ts";
import { blockedBy, checkKeptName, isOpen, type JobWait, planAnswer, planEnd } from "../domain/wait.ts";
import { isToken, isTokenOf, readToken } from "../domain/wait_token.ts";
import type { Driver } from "../storage/driver.ts";
import type { Keyring } from "./encryption/keyring.ts";
import type { Jobs, ViewOptions } from "./jobs.ts";
import type { StoreTime } from "./store_time.ts";

/**
 * Which wait: by its token; by the job, when that waits for one thing only; or by job and name. By job and name, an answer
 * may come before the handler has asked.
 */
export type WaitTarget = string | { job: string; name?: string };

/** Options of {@linkcode JobWaits.resume}. */
export interface ResumeOptions {
  /** Tells this answer from others: given again with the same key, the first one stands and nothing is wrong. */
  key?: string;
}

/** What became of an answer. */
export interface Resumed {
  /** The job. */
  jobId: string;
  /** The wait. */
  name: string;
  /** The job goes on; or the answer is kept until the handler asks for it; or it had been given before. */
  outcome: "resumed" | "kept" | "existing";
}

/** What a change is about, as it is now. */
interface Found {
  job: Job;
  name: string;
  wait: JobWait | undefined;
}

const TRIES = 20;

/** What handlers of one namespace wait for: look at it, answer it, or end their jobs from outside. */
export class JobWaits {
  readonly #driver: Driver;
  readonly #jobs: Jobs;
  readonly #time: StoreTime;
  readonly #keyring: Keyring;

  /** Made by {@linkcode Jobd}. */
  constructor(
    { driver, jobs, time, keyring }: { driver: Driver; jobs: Jobs; time: StoreTime; keyring: Keyring },
  ) {
    this.#driver = driver;
    this.#jobs = jobs;
    this.#time = time;
    this.#keyring = keyring;
  }

  /** All waits of a job, those that are over too, by name. @throws {JobdError} `not_found` */
  async list(jobId: string, options?: ViewOptions): Promise<JobWait[]> {
    const job = await this.#jobs.get(jobId, { reveal: true });
    const waits = await this.#driver.waits(job.id);
    return await Promise.all(waits.map(async (wait) => {
      const value = await this.#shown(job, wait);
      return { ...wait, value: this.#jobs.shownPart(job, value, options) };
    }));
  }

  /**
   * Answers what a handler waits for; when this resolves the answer is durable. A job that waits for it goes on; else it is
   * there when the handler asks. A sleep is ended by any answer.
   *
   * @throws {JobdError} `not_found` when there is no such job or token; `conflict` when it was answered already, has timed
   * out, or its job has ended; `invalid_request` for a value that is no JSON, or when it is not clear what is answered
   */
  async resume(target: WaitTarget, value: Json = null, { key }: ResumeOptions = {}): Promise<Resumed> {
    checkJson("answer", value, RESULT_LIMITS);
    if (key !== undefined) checkKeptName("key of the answer", key);
    // With a key of its own an answer knows itself again when it was written and the store's word of that was lost.
    const own = key ?? crypto.randomUUID();
    const { job, name, done } = await this.#change(
      target,
      async ({ job, name, wait }) => {
        const stored = await this.#keyring.sealPart(job, { field: "answer", name }, value);
        return planAnswer(job, wait, { name, value: stored, key: own }, this.#time.now());
      },
    );
    const parked = blockedBy(job) === "wait" && job.waitingFor === name;
    return { jobId: job.id, name, outcome: done ? "existing" : parked ? "resumed" : "kept" };
  }

  /**
   * Ends a job whose handler waits with this result (JSON), without running it again: the work was done elsewhere.
   *
   * @throws {JobdError} `not_found`; `conflict` when it does not wait, or not for that; `invalid_request`
   */
  async complete(target: WaitTarget, result: Json = null): Promise<{ jobId: string }> {
    checkJson("result", result, RESULT_LIMITS);
    const { job } = await this.#change(target, async (found) => {
      const stored = await this.#keyring.sealPart(found.job, { field: "result" }, result);
      return endPlan(found, { kind: "complete", result: stored });
    });
    return { jobId: job.id };
  }

  /**
   * Makes a job whose handler waits a dead letter with this error, without running it again. A text is the message of an
   * error with the code `"failed"`.
   *
   * @throws {JobdError} `not_found`; `conflict` when it does not wait, or not for that
   */
  async fail(target: WaitTarget, error: string | FailureRecord): Promise<{ jobId: string }> {
    const given = typeof error === "string" ? { code: "failed", message: error } : error;
    const { job } = await this.#change(target, (found) => {
      const record = storableFailure(given, redactionOf(found.job));
      return endPlan(found, { kind: "fail", error: record });
    });
    return { jobId: job.id };
  }

  /** Plans and writes; what changed in between is looked at again. Gives what it was about, as it was seen first. */
  async #change(
    target: WaitTarget,
    plan: (found: Found) => Plan | Promise<Plan>,
  ): Promise<Found & { done: boolean }> {
    let first: Found | undefined;
    for (let tries = 0; tries < TRIES; tries++) {
      const found = await this.#find(target);
      first ??= found;
      const planned = await plan(found);
      if (planned.kind === "done") return { ...first, done: tries === 0 };
      if (planned.kind === "refused") {
        throw new JobdError("conflict", `Job ${found.job.id}: ${planned.reason}`);
      }
      const [result] = await this.#driver.amend([
        amendmentOf(found.job, this.#time.now(), planned.change),
      ]);
      if (result === "applied") return { ...first, done: false };
    }
    throw new JobdError("conflict", "The job changes too fast: try again");
  }

  async #find(target: WaitTarget): Promise<Found> {
    if (typeof target === "string" && isToken(target)) return await this.#byToken(target);
    const { job: id, name } = typeof target === "string" ? { job: target } : target;
    const job = await this.#jobs.get(id, { reveal: true });
    const waits = await this.#driver.waits(job.id);
    const chosen = name === undefined ? this.#only(job, waits) : checkKeptName("wait name", name);
    return { job, name: chosen, wait: waits.find((wait) => wait.name === chosen) };
  }

  /** An answer as it was given; of a job that cannot be read here a word in its place. */
  async #shown(job: Job, { name, value }: JobWait): Promise<Json> {
    if (job.sealed !== undefined) return value === null ? null : ENCRYPTED;
    return await this.#keyring.openPart(job, { field: "answer", name }, value);
  }

  async #byToken(text: string): Promise<Found> {
    const token = readToken(text);
    const [job] = token === undefined ? [] : await this.#driver.get([token.jobId]);
    if (token === undefined || job === undefined || job.namespace !== this.#jobs.namespace) {
      throw noSuchToken();
    }
    const secret = await this.#driver.secret();
    for (const wait of await this.#driver.waits(job.id)) {
      if (await isTokenOf(token, secret, wait.name)) return { job, name: wait.name, wait };
    }
    throw noSuchToken();
  }

  /** What a job waits for, when nobody says it. */
  #only(job: Job, waits: JobWait[]): string {
    if (job.waitingFor !== null) return job.waitingFor;
    const open = waits.filter((wait) => wait.kind === "answer" && isOpen(wait, this.#time.now()));
    const [first, second] = open;
    if (first !== undefined && second === undefined) return first.name;
    const names = open.map(({ name }) => show(name)).join(", ");
    throw new JobdError(
      first === undefined ? "conflict" : "invalid_request",
      first === undefined
        ? `Job ${job.id}, which is ${job.state}, waits for no answer`
        : `Job ${job.id} waits for several answers: ${names}`,
      { hint: "Say which one by its name; an answer may come before the handler has asked for it." },
    );
  }
}

function endPlan({ job, name }: Found, change: Parameters<typeof planEnd>[1]): Plan {
  if (blockedBy(job) === "wait" && job.waitingFor !== name) {
    return { kind: "refused", reason: `it does not wait for ${show(name)} but for ${show(job.waitingFor)}` };
  }
  return planEnd(job, change);
}

function noSuchToken(): JobdError {
  return new JobdError("not_found", "There is no wait with this token", {
    hint: "It may have been cut, belong to another store or namespace, or to a job that was removed.",
  });
}
