import { JobdError, messageOf } from "../../../domain/errors.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Logger } from "../../../runtime/logger.ts";
import type { Config } from "../../config/load.ts";
import type { SettingValues } from "../../config/settings.ts";
import type { Server } from "../../http/server.ts";
import { agentRules } from "../../mcp/rules.ts";
import type { Input } from "../command.ts";
import type { Context } from "../context.ts";
import { styled } from "../style.ts";
import { VERSION } from "../version.ts";
import { upkeepOptions } from "./upkeep_options.ts";
import { makeLogger, surviveFaults } from "./daemon_log.ts";

/** `jobd serve` */
export async function serve(_: Input, context: Context): Promise<void> {
  const { values } = await context.config();
  const log = makeLogger(values, context.host);
  const jobd = await context.jobd();
  const release = surviveFaults(log);
  const stop = context.interrupted();
  const upkeep = await jobd.upkeep({ ...upkeepOptions(values), log });
  try {
    // Where all workers are elsewhere, nobody else does it.
    await upkeep.start();
    const server = await serveApi(jobd, values, context, log);
    if (!stop.aborted) {
      await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
    }
    await server.stop();
    log.info("jobd stopped");
  } finally {
    await upkeep.stop();
    release();
  }
}

/**
 * Serves the API as the configuration says.
 *
 * @throws {JobdError} `invalid_config` when nothing can listen there, or other machines could read along
 */
export async function serveApi(
  jobd: Jobd,
  values: SettingValues,
  { host: { clock, files }, out }: Context,
  log: Logger,
): Promise<Server> {
  const { isLoopback, startServer } = await import("../../http/server.ts");
  const tls = await readTls(values, files.readText);
  if (!isLoopback(values.apiHost) && tls === undefined && values.apiPlaintext !== "on") {
    throw new JobdError("invalid_config", `The API may not listen at ${values.apiHost} without TLS`, {
      hint: "Give API_TLS_CERT and API_TLS_KEY; or API_PLAINTEXT=on where something in front of it encrypts.",
    });
  }
  const server = startServer({
    jobd,
    host: values.apiHost,
    port: values.apiPort,
    hosts: values.apiHosts ?? [],
    ...(tls === undefined ? {} : { tls }),
    version: VERSION,
    clock,
    log,
    rules: agentRules(values),
  });
  log.info("API listens", { url: server.url });
  if (out.isTerminal) out.line(styled("bold", "jobd serves its API"), ` at ${server.url}/api/v1`);
  return server;
}

/**
 * The API of a daemon. That somebody else has the port that nobody chose is no reason not to run jobs: then there is none, and
 * the log says so.
 */
export async function daemonApi(
  jobd: Jobd,
  { values, sources }: Config,
  context: Context,
  log: Logger,
): Promise<Server | undefined> {
  try {
    return await serveApi(jobd, values, context, log);
  } catch (error) {
    const taken = error instanceof JobdError && error.cause instanceof Deno.errors.AddrInUse;
    if (!taken || sources.apiPort !== "default") throw error;
    log.warn("This daemon serves no API: another program listens at its port", {
      port: values.apiPort,
      hint: "Give an --api-port that is free, or --no-http.",
    });
    return undefined;
  }
}

async function readTls(
  { apiTlsCert, apiTlsKey }: SettingValues,
  readText: (path: string) => Promise<string>,
): Promise<{ cert: string; key: string } | undefined> {
  if (apiTlsCert === undefined && apiTlsKey === undefined) return undefined;
  if (apiTlsCert === undefined || apiTlsKey === undefined) {
    throw new JobdError(
      "invalid_config",
      "API_TLS_CERT and API_TLS_KEY belong together: one of them is missing",
    );
  }
  const [cert, key] = await Promise.all([apiTlsCert, apiTlsKey].map(async (path) => {
    try {
      return await readText(path);
    } catch (error) {
      throw new JobdError("invalid_config", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }));
  return { cert: cert ?? "", key: key ?? "" };
}
