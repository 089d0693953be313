import { JobdError } from "../../../domain/errors.ts";
import type { Handler } from "../../../runtime/handler.ts";
import type { Config } from "../../config/load.ts";
import { nearest } from "../../config/nearest.ts";

/**
 * The handlers that the configuration asks for; `types` leaves the others out.
 *
 * @throws {JobdError} `invalid_config` for a wrong section of the config file, `invalid_request` for an unknown type
 */
export async function loadHandlers(config: Config, types?: readonly string[]): Promise<Handler[]> {
  const [{ claudeHandler }, { execHandler }] = await Promise.all([
    import("../../../runtime/handlers/claude.ts"),
    import("../../../runtime/handlers/exec.ts"),
  ]);
  const { agent, commands } = config.file?.sections ?? {};
  const handlers: Handler[] = [claudeHandler(agent), execHandler(commands)];
  return types === undefined ? handlers : pick(handlers, types);
}

function pick(handlers: readonly Handler[], types: readonly string[]): Handler[] {
  return types.map((type) => {
    const handler = handlers.find((one) => one.type === type);
    if (handler !== undefined) return handler;
    const known = handlers.map((one) => one.type);
    const meant = nearest(type, known);
    throw new JobdError("invalid_request", `--types: there is no handler for type ${JSON.stringify(type)}`, {
      hint: meant === undefined ? `Known types: ${known.join(", ")}.` : `Did you mean ${meant}?`,
    });
  });
}
