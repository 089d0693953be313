import { invalid } from "../../../domain/errors.ts";
import type { Role } from "../../../domain/role.ts";
import { newToken } from "../../../domain/token.ts";
import { ATTEMPT_VARIABLE, parseAttemptMark } from "../../../domain/attempt_mark.ts";
import type { TokenView } from "../../../runtime/tokens.ts";
import { agentRules } from "../../mcp/rules.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { VERSION } from "../version.ts";
import { compact } from "./compact.ts";
import { makeLogger, surviveFaults } from "./daemon_log.ts";

type McpInput = Input<{
  role: OptionSpec<Role>;
  queue: OptionSpec<string[]>;
  type: OptionSpec<string[]>;
}>;

/** `jobd mcp` */
export async function mcp({ options }: McpInput, context: Context): Promise<void> {
  keepStdoutClean();
  const { host } = context;
  const { values } = await context.config();
  const log = makeLogger(values, host);
  const parent = runningJob(host.env(ATTEMPT_VARIABLE));
  const jobd = await context.jobd({ migrate: values.databaseUrl.startsWith("sqlite:") });
  const release = surviveFaults(log);
  try {
    const { serveAgents } = await import("../../mcp/stdio.ts");
    await serveAgents(
      { input: host.stdin.stream(), output: host.stdout },
      {
        jobdOf: () => Promise.resolve(jobd),
        rules: agentRules(values),
        version: VERSION,
        clock: host.clock,
        log,
      },
      {
        token: localToken(options, jobd.now()),
        namespace: jobd.namespace,
        signal: context.interrupted(),
        ...(parent === undefined ? {} : { parent }),
      },
    );
  } finally {
    release();
  }
}

/** Whoever starts the program here may do what its flags say: it needs no secret, for the store is open to it anyway. */
function localToken({ role, queue, type }: McpInput["options"], now: number): TokenView {
  const scope = compact({
    queues: queue.length === 0 ? undefined : queue,
    types: type.length === 0 ? undefined : type,
  });
  const { token: { hash: _, ...token } } = newToken("stdio", { role, ...scope }, {
    now,
    bytes: (count) => new Uint8Array(count),
  });
  return { ...token, id: "stdio" };
}

/** The job in which this program was started by an agent. @throws {JobdError} `invalid_request` */
function runningJob(mark: string | undefined): string | undefined {
  if (mark === undefined || mark === "") return undefined;
  const attempt = parseAttemptMark(mark);
  if (attempt === undefined) {
    throw invalid(ATTEMPT_VARIABLE, mark, "JOB:ATTEMPT, as jobd sets it for what jobs start");
  }
  return attempt.jobId;
}

/** Config files are code: what they print belongs to stderr, where it does no harm. */
function keepStdoutClean(): void {
  const { error } = console;
  Object.assign(console, { log: error, info: error, debug: error });
}
