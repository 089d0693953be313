import type { Command } from "./command.ts";
import { API_COMMANDS } from "./commands/api.ts";
import { AUDIT_COMMANDS } from "./commands/audit.ts";
import { BATCH_COMMANDS } from "./commands/batches.ts";
import { DAEMON_COMMANDS } from "./commands/daemon.ts";
import { DEAD_COMMANDS } from "./commands/dead.ts";
import { GROUP_COMMANDS } from "./commands/groups.ts";
import { JOB_COMMANDS } from "./commands/jobs.ts";
import { WAIT_COMMANDS } from "./commands/job_waits.ts";
import { MCP_COMMANDS } from "./commands/mcp.ts";
import { QUEUE_COMMANDS } from "./commands/queues.ts";
import { SCHEDULE_COMMANDS } from "./commands/schedules.ts";
import { STORE_COMMANDS } from "./commands/store.ts";
import { TYPE_COMMANDS } from "./commands/types.ts";

/** The table of commands: the parser, help, completions and `docs/commands.md` come from it. */
export const COMMANDS: readonly Command[] = [
  ...DAEMON_COMMANDS,
  ...API_COMMANDS,
  ...MCP_COMMANDS,
  ...JOB_COMMANDS,
  ...BATCH_COMMANDS,
  ...WAIT_COMMANDS,
  ...QUEUE_COMMANDS,
  ...GROUP_COMMANDS,
  ...DEAD_COMMANDS,
  ...SCHEDULE_COMMANDS,
  ...TYPE_COMMANDS,
  ...AUDIT_COMMANDS,
  ...STORE_COMMANDS,
];

/** Commands of two words by their first one. */
export const GROUPS: Readonly<Record<string, string>> = {
  job: "Look at jobs and act on them",
  batch: "Look at a batch of jobs and change it",
  queue: "Look at a queue and change it",
  group: "Look at a group of jobs and act on it",
  namespace: "Look at a namespace, make and remove it",
  schedule: "Look at a schedule and change it",
  tokens: "Look after the tokens of the HTTP API",
  dead: "Look after the dead letters: jobs that used up their attempts or failed for good",
};

/** What `jobd` without a command does. */
export const FALLBACK = "start";
