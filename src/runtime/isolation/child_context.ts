import { type Duration, parseDuration } from "../../domain/duration.ts";
import type { Job, LogChunk } from "../../domain/job.ts";
import { checkJson, type Json, PAYLOAD_LIMITS, RESULT_LIMITS } from "../../domain/json.ts";
import type { JobRequest } from "../../domain/request.ts";
import { storableResult } from "../../domain/result.ts";
import { system } from "../../storage/system.ts";
import { attemptOver } from "../attempt_over.ts";
import { type EnqueueOptions, type JobDefinition, requestOf } from "../definition.ts";
import type { Checkpoint, FollowUp, RunContext } from "../handler.ts";
import { memberBatch } from "../member_batch.ts";
import type { Parent } from "../parents.ts";
import { type Ask, type Asked, sleepUntilOver, type WaitCalls, waitFor } from "../wait_calls.ts";
import type { ContextCall, FromChild, ToChild } from "./protocol.ts";
import { unpackThrown } from "./thrown.ts";

interface Start {
  /** The store's time. */
  now: number;
  /** When the attempt must have ended, by that time. */
  deadline: number | null;
  send(message: FromChild): void;
}

interface Waiting {
  resolve(value: Json | undefined): void;
  reject(thrown: unknown): void;
}

/** A step whose work happens here while the worker keeps what it gives. */
interface StepWork {
  name: string;
  work(): unknown;
  made?: { value: unknown };
  thrown?: { by: unknown };
}

/** The context of an attempt whose worker is another process. */
export class ChildContext implements RunContext {
  readonly clock = system;
  readonly checkpoint: Checkpoint;
  readonly enqueue: RunContext["enqueue"];
  readonly batch: RunContext["batch"];
  readonly waitFor: WaitCalls["waitFor"];
  readonly sleep: WaitCalls["sleep"];
  readonly #send: Start["send"];
  readonly #job: Job;
  readonly #controller = new AbortController();
  readonly #waiting = new Map<number, Waiting>();
  readonly #works = new Map<number, StepWork>();
  readonly #offset: number;
  #deadline: number | null;
  #calls = 0;
  #over = false;

  constructor(job: Job, { now, deadline, send }: Start) {
    this.#job = job;
    this.#send = send;
    this.#offset = now - system.monotonic();
    this.#deadline = deadline;
    this.checkpoint = ((...value: [] | [Json]) => this.#checkpoint(...value)) as Checkpoint;
    const enqueue = (job: JobDefinition | JobRequest, payload?: unknown, options?: EnqueueOptions) =>
      this.#enqueue(job, payload, options);
    this.enqueue = enqueue;
    this.batch = memberBatch(job, enqueue);
    const ask: Ask = async ({ kind, name, ms }) =>
      await this.#call({ name: "ask", kind, wait: name, ms }) as unknown as Asked;
    this.waitFor = (name, options = {}) => waitFor(ask, (name) => this.forgetAnswer(name), { name, options });
    this.sleep = (name, time) => sleepUntilOver(ask, name, time);
    // Handlers take these out of the context.
    this.waitToken = this.waitToken.bind(this);
    this.forgetAnswer = this.forgetAnswer.bind(this);
    this.now = this.now.bind(this);
    this.extend = this.extend.bind(this);
    this.log = this.log.bind(this);
    this.progress = this.progress.bind(this);
    this.step = this.step.bind(this);
    this.parents = this.parents.bind(this);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get deadline(): number | null {
    return this.#deadline;
  }

  now(): number {
    return Math.round(this.#offset + system.monotonic());
  }

  extend(time: Duration): void {
    const ms = parseDuration(time, "time to extend by");
    if (this.#over) return;
    this.#deadline = Math.min(this.now() + ms, this.#job.expireAt ?? Infinity);
    this.#send({ kind: "extend", ms });
  }

  log(text: string, stream: LogChunk["stream"] = "stdout"): void {
    if (!this.#over) this.#send({ kind: "log", text: String(text), stream });
  }

  progress(note: Json): void {
    if (!this.#over) this.#send({ kind: "progress", note: storableResult(note) });
  }

  async step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const id = ++this.#calls;
    const own: StepWork = { name, work };
    this.#works.set(id, own);
    try {
      const kept = await this.#call({ name: "step", step: name }, id);
      return (own.made === undefined ? kept : own.made.value) as T;
    } catch (thrown) {
      throw own.thrown === undefined ? thrown : own.thrown.by;
    } finally {
      this.#works.delete(id);
    }
  }

  async parents(): Promise<Parent[]> {
    return await this.#call({ name: "parents" }) as unknown as Parent[];
  }

  async waitToken(name: string): Promise<{ token: string }> {
    return await this.#call({ name: "waitToken", wait: name }) as { token: string };
  }

  async forgetAnswer(name: string): Promise<void> {
    await this.#call({ name: "forgetAnswer", wait: name });
  }

  /** A message of the worker about this attempt. */
  receive(message: ToChild): void {
    switch (message.kind) {
      case "stop":
        return this.#controller.abort(message.reason);
      case "deadline":
        this.#deadline = message.at;
        return;
      case "answer":
        return this.#answered(message);
      case "work":
        return void this.#work(message.id);
    }
  }

  /** The attempt has ended: nothing that it still does counts. */
  close(): void {
    this.#over = true;
    for (const { reject } of this.#waiting.values()) reject(attemptOver());
    this.#waiting.clear();
  }

  #call(call: ContextCall, id = ++this.#calls): Promise<Json | undefined> {
    if (this.#over) return Promise.reject(attemptOver());
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ kind: "call", id, call });
    });
  }

  #answered({ id, value, thrown }: Extract<ToChild, { kind: "answer" }>): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (thrown === undefined) waiting?.resolve(value);
    else waiting?.reject(unpackThrown(thrown));
  }

  async #work(id: number): Promise<void> {
    const own = this.#works.get(id);
    if (own === undefined) return;
    try {
      const made = await own.work();
      const value = made ?? null;
      checkJson(`result of step "${own.name}"`, value, RESULT_LIMITS);
      this.#send({ kind: "worked", id, value: value as Json });
      own.made = { value: made };
    } catch (thrown) {
      own.thrown = { by: thrown };
      this.#send({ kind: "worked", id, failed: true });
    }
  }

  async #checkpoint(...value: [] | [Json]): Promise<Json | undefined> {
    if (value.length === 0) return await this.#call({ name: "checkpoint" });
    checkJson("checkpoint", value[0], RESULT_LIMITS);
    await this.#call({ name: "checkpoint", value: value[0] });
    return value[0];
  }

  async #enqueue(
    job: JobDefinition | JobRequest,
    payload: unknown,
    options: EnqueueOptions | undefined,
  ): Promise<FollowUp> {
    const request = await requestOf(job, payload, options);
    checkJson("payload", request.payload ?? null, PAYLOAD_LIMITS);
    return await this.#call({ name: "enqueue", request }) as unknown as FollowUp;
  }
}
