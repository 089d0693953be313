import { type Duration, parseDuration } from "../../../domain/duration.ts";
import { JobdError, show } from "../../../domain/errors.ts";
import { OUTPUT_FORMATS, type OutputFormat, type PromptBy } from "./adapter.ts";

/** How an agent program is run. The configuration decides all of it; a payload has only the prompt and the folder. */
export interface AgentConfig {
  /** The program: a path, or a name on `PATH`. @default "claude" */
  command?: string;
  /** Its flags, without the prompt. @default ["--dangerously-skip-permissions", "-p", "--verbose"] */
  args?: string[];
  /** How it gets the prompt. Prompts too long for an argument always go by stdin. @default "argument" */
  promptBy?: PromptBy;
  /** How it reports; adds the flag that asks for it. @default "text" */
  outputFormat?: OutputFormat;
  /** Variables that are set for it. */
  env?: Record<string, string>;
  /** Names of variables that it gets from the daemon besides the usual ones and the agent's own; `*` at the end. */
  envPass?: string[];
  /** Folders in which it may work; links are resolved before that is judged. @default anywhere */
  allowedCwd?: string[];
  /** Longest run. @default "1h" */
  timeout?: Duration;
  /** Longest silence; "0" for no limit. @default "15m" with `stream-json`; none otherwise: the program prints only at its end */
  idle?: Duration;
  /** How long it may stay after its final result. @default "10s" */
  linger?: Duration;
  /** From SIGTERM to SIGKILL when it must stop. @default "5s" */
  grace?: Duration;
  /** Most turns of one run. */
  maxTurns?: number;
  /** Most money for one run, in US dollars. */
  maxBudgetUsd?: number;
  /** Wait this long for a rate limit that does not say when it ends. @default "5m" */
  rateLimitDelay?: Duration;
  /** Whether a retry continues the session of the attempt before. @default false */
  resume?: boolean;
  /** Models that a payload may ask for with `model`. @default none */
  models?: string[];
  /** Runs it as this user; needs the rights for that. @default the daemon's */
  uid?: number;
  /** Runs it as this group; needs the rights for that. @default the daemon's */
  gid?: number;
}

/** {@linkcode AgentConfig} with the limits in milliseconds. */
export interface AgentLimits {
  timeoutMs: number;
  idleMs: number | undefined;
  lingerMs: number;
  graceMs: number;
  rateLimitDelayMs: number;
}

const DURATIONS = ["timeout", "idle", "linger", "grace", "rateLimitDelay"] as const;
const KEYS: Record<keyof AgentConfig, true> = {
  command: true,
  args: true,
  promptBy: true,
  outputFormat: true,
  env: true,
  envPass: true,
  allowedCwd: true,
  timeout: true,
  idle: true,
  linger: true,
  grace: true,
  maxTurns: true,
  maxBudgetUsd: true,
  rateLimitDelay: true,
  resume: true,
  models: true,
  uid: true,
  gid: true,
};

/**
 * Checks a configuration and reads its limits.
 *
 * @throws {JobdError} `invalid_config` for the first thing that is wrong.
 */
export function agentLimits(config: AgentConfig): AgentLimits {
  for (const key of Object.keys(config)) {
    if (!Object.hasOwn(KEYS, key)) {
      throw refuse(key, "not a setting", `Settings: ${Object.keys(KEYS).join(", ")}.`);
    }
  }
  const { outputFormat = "text", promptBy = "argument", maxTurns, maxBudgetUsd } = config;
  if (!OUTPUT_FORMATS.includes(outputFormat)) {
    throw wrong("outputFormat", outputFormat, OUTPUT_FORMATS.join(", "));
  }
  if (promptBy !== "argument" && promptBy !== "stdin") throw wrong("promptBy", promptBy, "argument, stdin");
  if (config.command === "") throw wrong("command", "", "the path or name of a program");
  if (maxTurns !== undefined && !(Number.isInteger(maxTurns) && maxTurns > 0)) {
    throw wrong("maxTurns", maxTurns, "a whole number above 0");
  }
  if (maxBudgetUsd !== undefined && !(maxBudgetUsd > 0)) {
    throw wrong("maxBudgetUsd", maxBudgetUsd, "a number above 0");
  }
  const [timeoutMs, idleMs, lingerMs, graceMs, rateLimitDelayMs] = DURATIONS.map((name) =>
    duration(name, config[name])
  );
  return {
    timeoutMs: timeoutMs ?? 3_600_000,
    idleMs: idleMs === 0 ? undefined : idleMs ?? (outputFormat === "stream-json" ? 900_000 : undefined),
    lingerMs: lingerMs ?? 10_000,
    graceMs: graceMs ?? 5_000,
    rateLimitDelayMs: rateLimitDelayMs ?? 300_000,
  };
}

function duration(name: string, value: Duration | undefined): number | undefined {
  if (value === undefined) return undefined;
  try {
    return parseDuration(value, name);
  } catch (error) {
    throw new JobdError("invalid_config", (error as Error).message, {
      hint: 'Write it like "30s", "5m" or "1h30m".',
    });
  }
}

function wrong(name: string, value: unknown, allowed: string): JobdError {
  return refuse(name, `${show(value)} is not allowed`, `Allowed: ${allowed}.`);
}

function refuse(name: string, what: string, hint: string): JobdError {
  return new JobdError("invalid_config", `Invalid agent setting ${name}: ${what}`, { hint });
}
