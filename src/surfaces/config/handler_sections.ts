import { OUTPUT_FORMATS, type PromptBy } from "../../runtime/handlers/agent/adapter.ts";
import type { AgentConfig } from "../../runtime/handlers/agent/agent_config.ts";
import type { ExecCommand, ExecSlot } from "../../runtime/handlers/exec_config.ts";
import {
  HTTP_METHODS,
  type HttpConfig,
  type HttpTarget,
  MAX_RESPONSE_LIMIT,
} from "../../runtime/handlers/http/http_config.ts";
import { anyText, boolean, choice, duration, integer, type Reader, text } from "./readers.ts";
import { listOf, object, record, scalar, type Shape } from "./shapes.ts";

/** The sections of the config file that say what handlers may do. */
export interface HandlerSections {
  /** How the `claude` handler runs its agent. */
  agent?: AgentConfig;
  /** Commands of the `exec` handler by name. */
  commands?: Record<string, ExecCommand>;
  /** Where the `http` handler may send to, and how. */
  http?: HttpConfig;
}

const limit = scalar(duration());
const id = scalar(integer(0, 2 ** 32 - 2));
const texts = listOf(scalar(anyText));
const names = listOf(scalar(text));
const variables = record(scalar(anyText));
const secretTexts = listOf(scalar({ ...text, secret: true }));

const money: Reader<number> = {
  allowed: "a number of US dollars above 0",
  read: (value) => typeof value === "number" && value > 0 && Number.isFinite(value) ? value : undefined,
};

const AGENT: Record<keyof AgentConfig, Shape> = {
  command: scalar(text),
  args: texts,
  promptBy: scalar(choice<PromptBy>(["argument", "stdin"])),
  outputFormat: scalar(choice(OUTPUT_FORMATS)),
  env: variables,
  envPass: names,
  allowedCwd: names,
  timeout: limit,
  idle: limit,
  linger: limit,
  grace: limit,
  maxTurns: scalar(integer(1, 1_000_000)),
  maxBudgetUsd: scalar(money),
  rateLimitDelay: limit,
  resume: scalar(boolean),
  models: names,
  uid: id,
  gid: id,
};

const SLOT: Record<keyof ExecSlot, Shape> = {
  required: scalar(boolean),
  default: scalar(anyText),
  pattern: scalar(anyText),
  maxLength: scalar(integer(1, 262_144)),
  allowDash: scalar(boolean),
};

const COMMAND: Record<keyof ExecCommand, Shape> = {
  command: scalar(text),
  args: texts,
  stdin: scalar(text),
  cwd: scalar(text),
  env: variables,
  envPass: names,
  timeout: limit,
  idle: limit,
  grace: limit,
  permanentExitCodes: listOf(scalar(integer(0, 255))),
  slots: record(object(SLOT)),
  uid: id,
  gid: id,
};

const TARGET: Record<keyof HttpTarget, Shape> = {
  url: scalar(text),
  method: scalar(choice(HTTP_METHODS)),
  headers: variables,
  secrets: secretTexts,
  timeout: limit,
};

const HTTP: Record<keyof HttpConfig, Shape> = {
  targets: record(object(TARGET)),
  hosts: names,
  allowPrivate: names,
  ports: listOf(scalar(integer(1, 65_535))),
  secrets: secretTexts,
  timeout: limit,
  maxResponse: scalar(integer(0, MAX_RESPONSE_LIMIT)),
  rateLimitDelay: limit,
};

/** Keys and types of each section; what the values mean together is checked by the handler. */
export const HANDLER_SECTIONS: Record<keyof HandlerSections, Shape> = {
  agent: object(AGENT),
  commands: record(object(COMMAND)),
  http: object(HTTP),
};

/** The keys of the sections, for the documents. */
export const HANDLER_KEYS = {
  agent: Object.keys(AGENT),
  command: Object.keys(COMMAND),
  slot: Object.keys(SLOT),
  http: Object.keys(HTTP),
  target: Object.keys(TARGET),
} as const;
