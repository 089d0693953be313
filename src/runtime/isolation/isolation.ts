import { type Duration, parseDuration } from "../../domain/duration.ts";
import { invalid, JobdError, show } from "../../domain/errors.ts";

/** One kind of right: all of it, only what is listed (in the words of Deno's `--allow-...` flags), or nothing. */
export type Right = boolean | readonly string[];

/** What a handler in a process of its own may do, by the names of Deno's permissions; what is not named is refused. */
export interface Permissions {
  /** Hosts it may talk to: `"api.example.com"`, `"api.example.com:443"`. */
  net?: Right;
  /** Files and folders that it may read; relative ones start from the folder that jobd was started in. */
  read?: Right;
  /** Files and folders that it may write; likewise. */
  write?: Right;
  /** Environment variables that it may read; a `*` at the end stands for any rest. No other one is even passed on. */
  env?: Right;
  /** Programs that it may start. They are bound by none of this: whoever may run programs may do anything. */
  run?: Right;
  /** Facts about the system, such as `"hostname"`. */
  sys?: Right;
  /** Native libraries that it may load. They are bound by none of this. */
  ffi?: Right;
}

/** How a handler runs in a process of its own. */
export interface IsolationOptions {
  /** Size of its JavaScript heap in megabytes; the process in all may take 256 more. @default 512 */
  memoryMb?: number;
  /** The process is replaced after so many jobs. @default 100 */
  maxJobs?: number;
  /** A process that has nothing to do for so long is ended. @default 1 minute */
  idle?: Duration;
  /** How long it may go on after its signal before the process is killed. @default 5 seconds */
  grace?: Duration;
}

/** {@linkcode Permissions} and {@linkcode IsolationOptions} with all defaults filled in. Plain data: it crosses processes. */
export interface Isolation {
  /** The rights that are given, by name. */
  readonly permissions: Readonly<Partial<Record<RightName, true | readonly string[]>>>;
  /** See {@linkcode IsolationOptions.memoryMb}. */
  readonly memoryMb: number;
  /** See {@linkcode IsolationOptions.maxJobs}. */
  readonly maxJobs: number;
  /** In milliseconds. */
  readonly idleMs: number;
  /** In milliseconds. */
  readonly graceMs: number;
}

/** The name of a right. */
export type RightName = keyof Permissions;

const RIGHTS = ["net", "read", "write", "env", "run", "sys", "ffi"] as const satisfies readonly RightName[];
const OPTIONS: readonly string[] = [
  "memoryMb",
  "maxJobs",
  "idle",
  "grace",
] satisfies (keyof IsolationOptions)[];

/** What a definition may say about where it runs. */
export interface IsolationChoice {
  /**
   * Runs its jobs in a Deno process of their own, which can be killed, has a memory limit, and has no right but those in
   * `permissions`. @default false, true with `permissions`
   */
  isolate?: boolean | IsolationOptions;
  /** Rights of that process. @default none */
  permissions?: Permissions;
}

/**
 * Reads what a definition says about where it runs; undefined means in the worker's own process.
 *
 * @throws {JobdError} `invalid_request` naming what is wrong
 */
export function parseIsolation({ isolate, permissions }: IsolationChoice): Isolation | undefined {
  if (isolate === undefined && permissions === undefined) return undefined;
  if (isolate === false) {
    if (permissions === undefined) return undefined;
    throw new JobdError("invalid_request", "A definition with `isolate: false` cannot have permissions", {
      hint: "Rights can be refused only in a process of its own: leave `isolate: false` out.",
    });
  }
  const options = isolate === true || isolate === undefined ? {} : isolate;
  checkKeys("isolate", options, OPTIONS);
  return {
    permissions: parsePermissions(permissions ?? {}),
    memoryMb: whole("isolate.memoryMb", options.memoryMb ?? 512, 16, 1_048_576),
    maxJobs: whole("isolate.maxJobs", options.maxJobs ?? 100, 1, 1_000_000_000),
    idleMs: parseDuration(options.idle ?? "1m", "isolate.idle"),
    graceMs: parseDuration(options.grace ?? "5s", "isolate.grace"),
  };
}

function parsePermissions(given: Permissions): Isolation["permissions"] {
  checkKeys("permissions", given, RIGHTS);
  const rights: Partial<Record<RightName, true | readonly string[]>> = {};
  for (const name of RIGHTS) {
    const right = given[name];
    if (right === undefined || right === false) continue;
    if (right !== true && !isTextList(right)) {
      throw invalid(`permissions.${name}`, right, "true, false or a list of texts");
    }
    if (right === true || right.length > 0) rights[name] = right;
  }
  return rights;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) &&
    value.every((one) => typeof one === "string" && one !== "" && !one.includes("\0"));
}

function checkKeys(what: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw invalid(what, given, "an object");
  }
  const wrong = Object.keys(given).find((key) => !known.includes(key));
  if (wrong === undefined) return;
  throw new JobdError("invalid_request", `Unknown key ${show(wrong)} in ${what}`, {
    hint: `Known are ${known.join(", ")}.`,
  });
}

function whole(what: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(what, value, `an integer from ${min} to ${max}`);
}
