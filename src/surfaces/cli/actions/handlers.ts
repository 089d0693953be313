import { JobdError } from "../../../domain/errors.ts";
import type { Handler } from "../../../runtime/handler.ts";
import type { Config } from "../../config/load.ts";
import { nearest } from "../../config/nearest.ts";

/** The types of the handlers that ship with the daemon; all others come from files, or run in programs that use the library. */
export const SHIPPED_TYPES: readonly string[] = ["claude", "exec", "http"];

/**
 * The handlers that ship with the daemon, as the configuration wants them; `types` leaves the others out.
 *
 * @throws {JobdError} `invalid_config` for a wrong section of the config file, `invalid_request` for an unknown type
 * @throws {Deno.errors.NotCapable} when processes cannot be looked at
 */
export async function loadHandlers(config: Config, types?: readonly string[]): Promise<Handler[]> {
  const [{ claudeHandler }, { execHandler }, { httpHandler }, { Processes }] = await Promise.all([
    import("../../../runtime/handlers/claude.ts"),
    import("../../../runtime/handlers/exec.ts"),
    import("../../../runtime/handlers/http.ts"),
    import("../../../runtime/process/processes.ts"),
  ]);
  const { agent = {}, commands = {}, http = {} } = config.file?.sections ?? {};
  const processes = new Processes();
  await processes.identity(); // a daemon that may not look at processes could not end what it starts
  const handlers = [
    claudeHandler(agent, { processes }),
    execHandler({ commands }, { processes }),
    httpHandler(http),
  ];
  return types === undefined ? handlers : types.map((type) => pick(handlers, type));
}

/** What a worker is to run. */
export interface HandlerChoice {
  /** Handlers that ship with the daemon. */
  handlers: Handler[];
  /** Files of others. */
  modules: string[];
  /** Only these types; which there are is known when the files are loaded. */
  types?: string[];
}

/**
 * What the configuration and the command line want to be run.
 *
 * @throws {JobdError} as {@linkcode loadHandlers}; `invalid_request` for files that follow no `--handlers`
 */
export async function chooseHandlers(
  config: Config,
  { types, files }: { types: readonly string[] | undefined; files: readonly string[] },
): Promise<HandlerChoice> {
  if (files.length > 0 && config.sources.workerHandlers !== "flag") {
    throw new JobdError("invalid_request", `Too many arguments: ${files.join(", ")}`, {
      hint: "Files of handlers follow --handlers.",
    });
  }
  const modules = [...config.values.workerHandlers ?? [], ...files];
  if (modules.length === 0) return { handlers: await loadHandlers(config, types), modules };
  const handlers = await loadHandlers(config);
  return { handlers, modules, ...(types === undefined ? {} : { types: [...types] }) };
}

function pick(handlers: readonly Handler[], type: string): Handler {
  const handler = handlers.find((one) => one.type === type);
  if (handler !== undefined) return handler;
  const known = handlers.map((one) => one.type);
  const meant = nearest(type, known);
  throw new JobdError("invalid_request", `--types: there is no handler for type ${JSON.stringify(type)}`, {
    hint: meant === undefined ? `Known types: ${known.join(", ")}.` : `Did you mean ${meant}?`,
  });
}
