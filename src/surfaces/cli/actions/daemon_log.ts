import { messageOf } from "../../../domain/errors.ts";
import { createLogger, type Logger } from "../../../runtime/logger.ts";
import type { SettingValues } from "../../config/settings.ts";
import type { Host } from "../host.ts";

/** Log lines that wait for a reader, in characters; a reader who stopped reading costs lines, not the daemon. */
const LOG_PENDING_MAX = 1024 * 1024;

/** A logger on stderr that neither blocks nor fails when nobody reads. */
export function makeLogger(values: SettingValues, { stderr, clock }: Host): Logger {
  let dropped = 0;
  const log = createLogger({
    level: values.logLevel,
    format: formatOf(values, stderr.isTerminal),
    now: () => clock.now(),
    write(line) {
      if (stderr.pending > LOG_PENDING_MAX) {
        dropped++;
        return;
      }
      if (dropped > 0) {
        const gap = dropped;
        dropped = 0;
        log.warn("Log lines were left out because nobody read them", { lines: gap });
      }
      stderr.write(line);
    },
  });
  return log;
}

function formatOf(values: SettingValues, terminal: boolean): "json" | "console" {
  return values.logFormat ?? (terminal ? "console" : "json");
}

/** A promise that nobody waits for, or a timer that throws, must not take the daemon down with all its running jobs. */
export function surviveFaults(log: Logger): () => void {
  const survive = (event: PromiseRejectionEvent | ErrorEvent): void => {
    event.preventDefault();
    const thrown: unknown = event instanceof ErrorEvent ? event.error : event.reason;
    log.error("An error that nothing handled", { error: messageOf(thrown) });
  };
  globalThis.addEventListener("unhandledrejection", survive);
  globalThis.addEventListener("error", survive);
  return () => {
    globalThis.removeEventListener("unhandledrejection", survive);
    globalThis.removeEventListener("error", survive);
  };
}
