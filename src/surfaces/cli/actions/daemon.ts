import { sleep } from "../../../domain/clock.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Logger } from "../../../runtime/logger.ts";
import { type QueueChoice, queueNames } from "../../../runtime/queue_order.ts";
import type { Worker } from "../../../runtime/worker.ts";
import type { SettingValues } from "../../config/settings.ts";
import type { Input, Options, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { span } from "../format.ts";
import type { Host } from "../host.ts";
import type { Output } from "../output.ts";
import { styled } from "../style.ts";
import { chooseHandlers, type HandlerChoice } from "./handlers.ts";
import type { Server } from "../../http/server.ts";
import { daemonApi } from "./api.ts";
import { makeLogger, surviveFaults } from "./daemon_log.ts";
import { upkeepOptions } from "./upkeep_options.ts";
import { helloHandler, sayHello } from "./hello.ts";

interface WorkFlags extends Options {
  types: OptionSpec<string[] | undefined>;
  noScheduler: OptionSpec<boolean>;
}
type StartInput = Input<WorkFlags & { hello: OptionSpec<boolean>; noHttp: OptionSpec<boolean> }>;

/** How long the store may take to say goodbye once the worker has stopped, in milliseconds. */
const CLOSE_MS = 500;

/** How long somebody may take to read the last lines, in milliseconds. */
const LAST_WORDS_MS = 1_000;

/** `jobd start` */
export async function start({ args, options }: StartInput, context: Context): Promise<void> {
  const { values } = await context.config();
  await run(context, { ...options, files: args, migrate: values.databaseUrl.startsWith("sqlite:") });
}

/** `jobd worker` */
export async function work({ args, options }: Input<WorkFlags>, context: Context): Promise<void> {
  await run(context, { ...options, files: args, hello: false, noHttp: true, migrate: false });
}

/** What a daemon is asked to do besides its configuration. */
interface Wishes {
  types: string[] | undefined;
  files: readonly string[];
  hello: boolean;
  migrate: boolean;
  noScheduler: boolean;
  noHttp: boolean;
}

async function run(context: Context, wishes: Wishes): Promise<void> {
  const { types, files, hello, migrate, noScheduler, noHttp } = wishes;
  const config = await context.config();
  const { values } = config;
  const choice = await chooseHandlers(config, { types, files });
  if (hello) {
    choice.handlers.push(helloHandler);
    choice.types?.push(helloHandler.type);
  }
  const log = makeLogger(values, context.host);
  const jobd = await context.jobd({ migrate });
  const worker = jobd.worker({ ...workerOptions(values, choice, log), scheduler: !noScheduler });
  const release = surviveFaults(log);
  let api: Server | undefined;
  try {
    // The API goes first: a daemon that takes the place of this one wants its port while jobs end here.
    const stop = stopOnSignals(worker, context.host, log, {
      timeoutMs: values.workerShutdownTimeout,
      also: () => void api?.stop(),
    });
    if (!noHttp) api = await daemonApi(jobd, config, context, log);
    await worker.start();
    announce(context.out, jobd, worker.types, values, log);
    // The worker may stop before its first job has ended.
    if (hello) await Promise.race([sayHello(jobd, log), worker.stopped]);
    await worker.stopped;
    await api?.stop();
    stop();
    log.info("jobd stopped");
  } finally {
    await api?.stop();
    release();
    await jobd.close({ withinMs: CLOSE_MS });
    await lastWords(context.host);
  }
}

/** A reader that holds the pipe and does not read must not keep the daemon from ending. */
async function lastWords({ stdout, stderr, clock }: Host): Promise<void> {
  const taken = new AbortController();
  void Promise.all([stdout.flush(), stderr.flush()]).then(() => taken.abort());
  await sleep(clock, LAST_WORDS_MS, taken.signal);
  if (!taken.signal.aborted) { for (const sink of [stdout, stderr]) sink.abandon(); }
}

function workerOptions(
  values: SettingValues,
  { handlers, modules, types }: HandlerChoice,
  log: Logger,
): Parameters<Jobd["worker"]>[0] {
  return {
    handlers,
    modules,
    ...(types === undefined ? {} : { types }),
    ...(values.workerDeno === undefined ? {} : { deno: values.workerDeno }),
    isolate: values.workerIsolate === "on",
    maxDeaths: values.workerMaxDeaths,
    queues: values.workerQueues,
    concurrency: values.workerConcurrency,
    ...upkeepOptions(values),
    shutdownTimeoutMs: values.workerShutdownTimeout,
    defaultTimeoutMs: values.jobDefaultTimeout,
    log,
  };
}

/** The first SIGTERM or SIGINT stops gracefully, a second one at once; SIGHUP changes nothing. */
function stopOnSignals(
  worker: Worker,
  host: Host,
  log: Logger,
  { timeoutMs, also }: { timeoutMs: number; also: () => void },
): () => void {
  let asked = false;
  const stop = (signal: string) => (): void => {
    if (asked) log.info("Stopping at once", { signal });
    else {log.info("Stopping: running jobs may finish", {
        signal,
        running: worker.running,
        within: span(timeoutMs),
      });}
    also();
    void worker.stop({ timeoutMs: asked ? 0 : timeoutMs });
    asked = true;
  };
  const releases = [
    host.onSignal("SIGTERM", stop("SIGTERM")),
    host.onSignal("SIGINT", stop("SIGINT")),
    host.onSignal("SIGHUP", () => log.info("SIGHUP changes nothing: the configuration is read at start")),
  ];
  return () => {
    for (const release of releases) release();
  };
}

function announce(
  out: Output,
  jobd: Jobd,
  types: readonly string[],
  values: SettingValues,
  log: Logger,
): void {
  const facts = {
    store: jobd.location,
    namespace: jobd.namespace,
    queues: queuesText(values.workerQueues),
    types: types.join(", "),
    concurrency: values.workerConcurrency,
  };
  log.info("jobd started", facts);
  if (!out.isTerminal) return;
  out.line(styled("bold", "jobd runs jobs"), ` from ${facts.store}`);
  out.line(`  queues    ${facts.queues}`);
  out.line(`  handlers  ${facts.types} (${values.workerConcurrency} at once)`);
  out.line("  first job, from another terminal:");
  const store = values.databaseUrl === "sqlite:jobd.db" ? "" : "--database-url ... ";
  out.line(
    styled(
      "cyan",
      `    jobd enqueue ${store}--payload '{"prompt":"write hello world in go","cwd":"/tmp"}' --follow`,
    ),
  );
  out.line(styled("dim", "  Ctrl-C stops: running jobs may finish, what is left is handed back"));
}

function queuesText(choice: QueueChoice): string {
  const names = queueNames(choice);
  if (names === "all") return "all, highest priority first";
  return Array.isArray(choice)
    ? names.join(", ")
    : Object.entries(choice).map((pair) => pair.join("=")).join(", ");
}
