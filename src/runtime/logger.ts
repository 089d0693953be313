/** Severity, least first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];
/** One JSON object a line, or text for people. */
export type LogFormat = "json" | "console";

/** Where jobd says what it does. One call is one line, whatever the text holds. */
export type Logger = Record<LogLevel, (message: string, fields?: Record<string, unknown>) => void>;

/** Options of {@linkcode createLogger}. */
export interface LoggerOptions {
  /** Quieter messages are left out. @default "info" */
  level?: LogLevel;
  /** One JSON object a line, or text for people. @default "json" */
  format?: LogFormat;
  /** Gets each line with its line end; must not throw. */
  write(line: string): void;
  /** The time of a line, epoch milliseconds. */
  now(): number;
}

/** Makes a logger. */
export function createLogger(options: LoggerOptions): Logger {
  const { level = "info", format = "json", write, now } = options;
  const from = LOG_LEVELS.indexOf(level);
  const line = format === "json" ? jsonLine : consoleLine;
  const at = (severity: LogLevel): Logger[LogLevel] => {
    if (LOG_LEVELS.indexOf(severity) < from) return () => {};
    return (message, fields = {}) => write(`${line(now(), severity, message, fields)}\n`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Says nothing; the default of library use. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

function jsonLine(now: number, level: LogLevel, message: string, fields: Record<string, unknown>): string {
  return JSON.stringify({ time: new Date(now).toISOString(), level, message, ...fields });
}

function consoleLine(now: number, level: LogLevel, message: string, fields: Record<string, unknown>): string {
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value) ?? "undefined"}`)
    .join("");
  const time = new Date(now).toISOString().slice(11, 23);
  return oneLine(`${time} ${level.toUpperCase().padEnd(5)} ${message}${rest}`);
}

/** Escapes what could forge a second line or drive the terminal: C0, C1, and the controls of bidirectional text. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
