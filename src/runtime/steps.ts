import type { Job } from "../domain/job.ts";
import { checkJson, type Json, RESULT_LIMITS } from "../domain/json.ts";
import { checkKeptName } from "../domain/wait.ts";
import { attemptOver } from "./attempt_over.ts";
import type { Keyring } from "./encryption/keyring.ts";
import type { Driver } from "../storage/driver.ts";

/** The name under which the checkpoint is kept. */
const CHECKPOINT = "";

/** Keeps what attempts have got done for the attempts after them. */
export class Steps {
  readonly #driver: Driver;
  readonly #keyring: Keyring;
  readonly #now: () => number;

  constructor(options: { driver: Driver; keyring: Keyring; now(): number }) {
    this.#driver = options.driver;
    this.#keyring = options.keyring;
    this.#now = options.now;
  }

  /** Without a value the latest checkpoint of the job; with one it is the latest from then on. */
  async checkpoint(job: Job, ...value: [] | [Json]): Promise<Json | undefined> {
    if (value.length === 0) return await this.#kept(job, CHECKPOINT);
    await this.#save(job, CHECKPOINT, value[0]);
    return value[0];
  }

  /** What a step of this name has given in this attempt or an earlier one; else what it gives now, which is kept. */
  async step<T>(job: Job, name: string, work: () => T | Promise<T>): Promise<T> {
    checkKeptName("step name", name);
    const kept = await this.#kept(job, name);
    if (kept !== undefined) return kept as T;
    const made = await work();
    await this.#save(job, name, (made ?? null) as Json);
    return made;
  }

  async #kept(job: Job, name: string): Promise<Json | undefined> {
    const stored = await this.#driver.step(job.id, name);
    return stored === undefined
      ? undefined
      : await this.#keyring.openPart(job, { field: "step", name }, stored);
  }

  async #save(job: Job, name: string, value: Json): Promise<void> {
    checkJson(name === CHECKPOINT ? "checkpoint" : `result of step "${name}"`, value, RESULT_LIMITS);
    const stored = await this.#keyring.sealPart(job, { field: "step", name }, value);
    if (await this.#driver.saveStep(job, { name, value: stored, at: this.#now() })) return;
    throw attemptOver();
  }
}
