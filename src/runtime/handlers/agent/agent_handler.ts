import type { Job } from "../../../domain/job.ts";
import type { Json } from "../../../domain/json.ts";
import type { Clock } from "../../../domain/clock.ts";
import { system } from "../../../storage/system.ts";
import { Directive, fail, type Handler, type RunContext } from "../../handler.ts";
import { Processes } from "../../process/processes.ts";
import type { ProcessEnd } from "../../process/run_process.ts";
import { StartError } from "../../process/start_error.ts";
import { BASE_VARIABLES, childEnvironment } from "../environment.ts";
import { runChild, startFailure } from "../run_child.ts";
import { Tail } from "../tail.ts";
import { workingDirectory } from "../working_directory.ts";
import type { AgentAdapter, AgentReader } from "./adapter.ts";
import { type AgentConfig, type AgentLimits, agentLimits } from "./agent_config.ts";
import { chooseSession } from "./session.ts";
import { verdict } from "./verdict.ts";

/** Options of handlers that run agents. */
export interface AgentHandlerOptions {
  /** Where they run programs. @default an instance of its own */
  processes?: Processes;
  /** Time, for the ends of rate limits. @default real time */
  clock?: Clock;
}

/** The answer of an agent in the text format, in characters. */
const ANSWER_TAIL = 256 * 1024;
/** What is kept of a pipe only to quote its last line, in characters. */
const TAIL = 8 * 1024;

/**
 * A handler that runs an agent program. Payload: `{ "prompt": text, "cwd"?: folder, "model"?: one of the allowed }`;
 * everything else in a payload is ignored and never reaches the command line.
 *
 * @throws {JobdError} `invalid_config` when the configuration is wrong.
 */
export function agentHandler(
  type: string,
  adapter: AgentAdapter,
  config: AgentConfig,
  { processes = new Processes(), clock = system }: AgentHandlerOptions = {},
): Handler {
  const limits = agentLimits(config);
  const agent = new Agent({ adapter, config, limits, processes, clock });
  return {
    type,
    timeoutMs: limits.timeoutMs,
    outOfProcess: true,
    run: (job, context) => agent.run(job, context),
  };
}

/** What an attempt has heard of the program so far. */
interface Heard {
  reader: AgentReader;
  stdout: Tail;
  stderr: Tail;
}

interface Session {
  id: string;
  resume: boolean;
}

class Agent {
  readonly #adapter: AgentAdapter;
  readonly #config: AgentConfig;
  readonly #limits: AgentLimits;
  readonly #processes: Processes;
  readonly #clock: Clock;

  constructor(means: {
    adapter: AgentAdapter;
    config: AgentConfig;
    limits: AgentLimits;
    processes: Processes;
    clock: Clock;
  }) {
    this.#adapter = means.adapter;
    this.#config = means.config;
    this.#limits = means.limits;
    this.#processes = means.processes;
    this.#clock = means.clock;
  }

  async run(job: Job, context: RunContext): Promise<Json | Directive | void> {
    const payload = Object(job.payload) as { prompt?: unknown; cwd?: unknown; model?: unknown };
    const { prompt, model } = payload;
    if (typeof prompt !== "string" || prompt.trim() === "") return badPayload("The payload has no prompt");
    const models = this.#config.models ?? [];
    if (models.length > 0 && model !== undefined && !models.includes(model as string)) {
      return badPayload(`The payload asks for a model that is not allowed; allowed: ${models.join(", ")}`);
    }
    let cwd: string;
    try {
      const roots = this.#config.allowedCwd;
      cwd = await workingDirectory(payload.cwd, { base: Deno.cwd(), ...(roots && { roots }) });
    } catch (error) {
      if (error instanceof StartError) return startFailure(error);
      throw error;
    }
    const session = this.#config.resume === true ? await chooseSession(job) : undefined;
    const heard = {
      reader: this.#adapter.reader(this.#format),
      stdout: new Tail(this.#format === "text" ? ANSWER_TAIL : TAIL),
      stderr: new Tail(TAIL),
    };
    const command = this.#commandLine(prompt, {
      session,
      model: models.length > 0 ? model as string | undefined : undefined,
    });
    const end = await this.#start(job, context, { ...command, cwd, heard, session });
    return end instanceof Directive ? this.#explain(end) : this.#judge(end, heard, { session, context });
  }

  get #format(): NonNullable<AgentConfig["outputFormat"]> {
    return this.#config.outputFormat ?? "text";
  }

  #commandLine(
    prompt: string,
    { session, model }: { session: Session | undefined; model: string | undefined },
  ): { args: string[]; stdin?: string } {
    const { args = this.#adapter.args, promptBy = "argument", maxTurns, maxBudgetUsd } = this.#config;
    const flags = this.#adapter.flags({
      format: this.#format,
      ...(session && { session }),
      ...(model !== undefined && { model }),
      ...(maxTurns !== undefined && { maxTurns }),
      ...(maxBudgetUsd !== undefined && { maxBudgetUsd }),
    });
    const words = session?.resume ? this.#adapter.continuation(prompt) : prompt;
    return this.#adapter.place([...args, ...flags], words, promptBy);
  }

  #start(
    job: Job,
    context: RunContext,
    { heard, session, ...command }: {
      args: string[];
      stdin?: string;
      cwd: string;
      heard: Heard;
      session: Session | undefined;
    },
  ): Promise<ProcessEnd | Directive> {
    const { env, envPass = [], uid, gid } = this.#config;
    const { idleMs, lingerMs, graceMs } = this.#limits;
    const { reader } = heard;
    // The other formats name the session only at the end.
    if (session !== undefined && this.#format !== "stream-json") context.progress({ sessionId: session.id });
    return runChild(job, context, {
      ...command,
      processes: this.#processes,
      command: this.#config.command ?? this.#adapter.command,
      env: childEnvironment({
        pass: [...BASE_VARIABLES, ...this.#adapter.envPass, ...envPass],
        drop: this.#adapter.envDrop,
        ...(env && { set: env }),
      }),
      graceMs,
      lingerMs,
      ...(idleMs !== undefined && { idleMs }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      onOutput: (stream, text) => {
        heard[stream].push(text);
        if (stream === "stderr") return context.log(text, stream);
        const { turns, sessionId, record } = reader;
        const log = reader.push(text);
        if (log !== "") context.log(log, stream);
        if (reader.turns !== turns || reader.sessionId !== sessionId) {
          context.progress({ sessionId: reader.sessionId, turns: reader.turns });
        }
        return reader.record !== record;
      },
    });
  }

  #judge(
    end: ProcessEnd,
    { reader, stdout, stderr }: Heard,
    { session, context }: { session: Session | undefined; context: RunContext },
  ): Json | Directive | void {
    const rest = reader.end(end.endedBy === null && end.exitCode !== 0);
    if (rest !== "") context.log(rest, "stdout");
    if (end.endedBy === "abort") return;
    // A session that the program never named or answered in does not exist, or cannot be continued.
    const begun = reader.sessionId ??
      (this.#format === "text" && stdout.text !== "" ? session?.id : undefined);
    return verdict({
      end,
      format: this.#format,
      record: reader.record,
      stdoutTail: stdout.text,
      stderrTail: stderr.text,
      sessionId: begun ?? null,
      idleMs: this.#limits.idleMs,
      now: this.#clock.now(),
      rateLimitDelayMs: this.#limits.rateLimitDelayMs,
    });
  }

  #explain(directive: Directive): Directive {
    const { outcome } = directive;
    if (outcome.kind !== "failed" || outcome.error.code !== "program_not_found") return directive;
    const { code, message } = outcome.error;
    return fail({ code, message: `${message}. ${this.#adapter.installHint}` }, { permanent: true });
  }
}

function badPayload(message: string): Directive {
  return fail({ code: "bad_payload", message }, { permanent: true });
}
