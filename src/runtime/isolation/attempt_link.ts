import type { Json } from "../../domain/json.ts";
import type { RunContext } from "../handler.ts";
import type { OutputStream } from "../process/run_process.ts";
import type { Death } from "./death.ts";
import { askWithin } from "../wait_calls.ts";
import type { AttemptEnd, ContextCall, FromChild, ToChild } from "./protocol.ts";
import { packThrown } from "./thrown.ts";

/** Connects an attempt that runs in another process with its context in this one. */
export class AttemptLink {
  /** How the attempt ended, or its process. */
  readonly end: Promise<AttemptEnd | Death>;
  readonly #context: RunContext;
  readonly #send: (message: ToChild) => void;
  readonly #resolve: (end: AttemptEnd | Death) => void;
  /** Work of steps that is being done over there. */
  readonly #works = new Map<number, PromiseWithResolvers<Json>>();
  readonly #onClose: (() => void)[] = [];
  #open = true;

  constructor(context: RunContext, send: (message: ToChild) => void) {
    const { promise, resolve } = Promise.withResolvers<AttemptEnd | Death>();
    this.end = promise;
    this.#resolve = resolve;
    this.#context = context;
    this.#send = send;
  }

  /** Output of the process. */
  log(text: string, stream: OutputStream): void {
    if (this.#open) this.#context.log(text, stream);
  }

  /** A message of the handler. */
  receive(message: FromChild): void {
    if (!this.#open) return;
    const context = this.#context;
    switch (message.kind) {
      case "log":
        return context.log(message.text, message.stream);
      case "progress":
        return context.progress(message.note);
      case "extend":
        context.extend(message.ms);
        return this.#send({ kind: "deadline", at: context.deadline });
      case "call":
        return void this.#answer(message.id, message.call);
      case "worked":
        return this.#worked(message);
    }
  }

  /** The handler has ended. */
  ended(end: AttemptEnd): void {
    this.#resolve(end);
  }

  /** Its process has. */
  died(death: Death): void {
    this.#resolve(death);
  }

  /** Calls back when the attempt is over. */
  onClose(callback: () => void): void {
    this.#onClose.push(callback);
  }

  /** Nothing counts any more. */
  close(): void {
    this.#open = false;
    for (const callback of this.#onClose.splice(0)) callback();
    for (const { reject } of this.#works.values()) reject(new Error("The attempt is over"));
    this.#works.clear();
  }

  async #answer(id: number, call: ContextCall): Promise<void> {
    let answer: Extract<ToChild, { kind: "answer" }>;
    try {
      const value = await this.#call(id, call);
      answer = { kind: "answer", id, ...(value === undefined ? {} : { value }) };
    } catch (thrown) {
      answer = { kind: "answer", id, thrown: packThrown(thrown) };
    }
    if (this.#open) this.#send(answer);
  }

  async #call(id: number, call: ContextCall): Promise<Json | undefined> {
    const { checkpoint, step, parents, enqueue, waitToken, forgetAnswer } = this.#context;
    switch (call.name) {
      case "checkpoint":
        if (call.value === undefined) return await checkpoint();
        return void await checkpoint(call.value);
      case "step":
        return await step(call.step, () => this.#work(id));
      case "ask":
        return await askWithin(this.#context, call) as unknown as Json;
      case "waitToken":
        return { token: (await waitToken(call.wait)).token };
      case "forgetAnswer":
        return void await forgetAnswer(call.wait);
      case "parents":
        return await parents() as unknown as Json;
      case "enqueue":
        return { id: (await enqueue(call.request)).id };
    }
  }

  /** Called only when the step was not done before. */
  #work(id: number): Promise<Json> {
    const work = Promise.withResolvers<Json>();
    this.#works.set(id, work);
    this.#send({ kind: "work", id });
    return work.promise;
  }

  #worked({ id, value, failed }: Extract<FromChild, { kind: "worked" }>): void {
    const work = this.#works.get(id);
    this.#works.delete(id);
    // What was thrown stays over there, where the handler gets it as it is.
    if (failed) work?.reject(new Error("The step has failed"));
    else work?.resolve(value ?? null);
  }
}
