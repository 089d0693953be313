import { JobdError } from "../../domain/errors.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import type { OpenOptions } from "../../runtime/jobd_options.ts";
import type { Driver } from "../../storage/driver.ts";
import type { OpenDriverOptions } from "../../storage/open.ts";
import { type Config, loadConfig } from "../config/load.ts";
import type { SettingName, SettingValues } from "../config/settings.ts";
import { remoteWorkers } from "./actions/upkeep_options.ts";
import type { Host } from "./host.ts";
import type { Output } from "./output.ts";

/** Options of {@linkcode Context}. */
export interface ContextOptions {
  /** The machine around. */
  host: Host;
  /** Everything the command says. */
  out: Output;
  /** Texts of the flags that are settings. */
  flags: Partial<Record<SettingName, string>>;
  /** The path after `--config`. */
  configPath: string | undefined;
}

/** What a command may use. Nothing is read, loaded or opened before it is asked for. */
export class Context {
  /** The machine around. */
  readonly host: Host;
  /** Everything the command says. */
  readonly out: Output;
  readonly #options: ContextOptions;
  readonly #closers: (() => Promise<void> | void)[] = [];
  #config: Promise<Config> | undefined;
  #interrupt: AbortController | undefined;

  constructor(options: ContextOptions) {
    this.host = options.host;
    this.out = options.out;
    this.#options = options;
  }

  /** The configuration. @throws {JobdError} `invalid_config`, `invalid_request` */
  config(): Promise<Config> {
    const { host, flags, configPath } = this.#options;
    this.#config ??= loadConfig({
      flags,
      env: (name) => host.env(name),
      files: host.files,
      path: configPath,
    });
    return this.#config;
  }

  /** The store of the configuration, opened; closed when the command ends. */
  async jobd(options: { migrate?: boolean } = {}): Promise<Jobd> {
    const { values } = await this.config();
    const open: OpenOptions = {
      ...driverOptions(values),
      namespace: values.namespace,
      maxAttempts: values.jobDefaultMaxAttempts,
      redactKeys: values.redactKeys,
      clock: this.host.clock,
      actor: { surface: "cli", name: userOf(this.host) },
      remoteWorkers: remoteWorkers(values),
      ...encryption(values),
      ...options,
    };
    const jobd = await this.host.openJobd(values.databaseUrl, open);
    this.#closers.push(() => jobd.close());
    return jobd;
  }

  /** The store itself, whatever its schema; closed when the command ends. */
  async driver(): Promise<Driver> {
    const { values } = await this.config();
    const driver = await this.host.openDriver(values.databaseUrl, driverOptions(values));
    this.#closers.push(() => driver.close());
    return driver;
  }

  /** Aborted by Ctrl-C or SIGTERM from now on, instead of ending the program. */
  interrupted(): AbortSignal {
    if (this.#interrupt === undefined) {
      const controller = new AbortController();
      this.#interrupt = controller;
      for (const name of ["SIGINT", "SIGTERM"] as const) {
        this.#closers.push(this.host.onSignal(name, () => controller.abort()));
      }
    }
    return this.#interrupt.signal;
  }

  /** Asks before something that cannot be undone. @throws {JobdError} `invalid_request` when it is not agreed to */
  confirm(question: string, yes: boolean): void {
    if (yes) return;
    const { stdin } = this.host;
    const answer = stdin.isTerminal && this.host.stderr.isTerminal
      ? stdin.ask(`${question} [y/N]`)
      : undefined;
    if (answer !== undefined && /^y(es)?$/i.test(answer?.trim() ?? "")) return;
    throw new JobdError(
      "invalid_request",
      answer === undefined ? `${question} Nobody can be asked here` : "Nothing was done",
      {
        hint: "Give --yes to do it without being asked.",
      },
    );
  }

  /** Closes what was opened, last first. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** Who the machine says that its user is; nobody has checked that. */
function userOf(host: Host): string | null {
  try {
    return host.env("USER") || host.env("LOGNAME") || host.env("USERNAME") || null;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null;
    throw error;
  }
}

/** @throws {JobdError} `invalid_config` when types are to be encrypted and there is no key */
function encryption(values: SettingValues): Pick<OpenOptions, "encryption"> {
  const { encryptionKeys: keys, encryptionTypes: types, encryptionUniqueKey: uniqueKey } = values;
  if (keys !== undefined) {
    const more = {
      ...(types === undefined ? {} : { types }),
      ...(uniqueKey === undefined ? {} : { uniqueKey }),
    };
    return { encryption: { ...keys, ...more } };
  }
  if (types === undefined && uniqueKey === undefined) return {};
  const name = types === undefined ? "JOBD_ENCRYPTION_UNIQUE_KEY" : "JOBD_ENCRYPTION_TYPES";
  throw new JobdError("invalid_config", `${name} is set, and JOBD_ENCRYPTION_KEYS is not`, {
    hint: "Set JOBD_ENCRYPTION_KEYS=k1:KEY, with a key from `openssl rand -base64 32`.",
  });
}

/** A direct connection beside the main one means that the main one goes through a pooler, where prepared statements fail. */
function driverOptions(values: SettingValues): OpenDriverOptions {
  const listenUrl = values.databaseListenUrl;
  const notify = values.databaseNotify === "on";
  return { notify, ...(listenUrl === undefined ? {} : { listenUrl, preparedStatements: false }) };
}
