import { JITTERS } from "../../domain/backoff.ts";
import { SECRET_KEYS } from "../../domain/redacted_keys.ts";
import { LOG_LEVELS, type LogFormat } from "../../runtime/logger.ts";
import {
  choice,
  duration,
  encryptionKey,
  encryptionKeys,
  fileList,
  hostList,
  integer,
  kept,
  keyNames,
  nameOf,
  postgresUrl,
  queueChoice,
  type Reader,
  storeUrl,
  text,
  typeChoice,
} from "./readers.ts";
import { AGENT_SETTINGS } from "./agent_settings.ts";

/** One setting: everything that reading it, errors about it, help and the documents need. */
export interface Setting<T> {
  /** Its place in the config file. */
  readonly key: string;
  /** Its environment variable, if it has one. */
  readonly env?: string;
  /** Its flag without dashes, if it has one. */
  readonly flag?: string;
  /** What stands for the value in help. */
  readonly placeholder: string;
  /** Reads a value. */
  readonly reader: Reader<T>;
  /** The default as one would write it; none when `otherwise` says what happens without the setting. */
  readonly default?: string;
  /** What happens without it, for help, when there is no default. */
  readonly otherwise?: string;
  /** What it does. */
  readonly summary: string;
  /** Whether its flag may be given several times; all texts together are the value, with commas between them. @default false */
  readonly repeats?: boolean;
  /** Which commands take the flag: all, those that run a worker, or those that serve the API. */
  readonly scope: "all" | "worker" | "api";
}

function setting<T, S extends Omit<Setting<T>, "reader">>(
  reader: Reader<T>,
  rest: S,
): S & { reader: Reader<T> } {
  return { ...rest, reader };
}

/**
 * The table of settings. Reading, errors, `--help`, `.env.example` and `docs/configuration.md` come from it.
 */
export const SETTINGS = {
  databaseUrl: setting(storeUrl, {
    key: "databaseUrl",
    env: "DATABASE_URL",
    flag: "database-url",
    placeholder: "url",
    default: "sqlite:jobd.db",
    summary: "the store: sqlite:PATH, sqlite::memory: or postgres://USER@HOST/DATABASE",
    scope: "all",
  }),
  databaseListenUrl: setting(postgresUrl, {
    key: "databaseListenUrl",
    env: "DATABASE_LISTEN_URL",
    placeholder: "url",
    otherwise: "the same as DATABASE_URL",
    summary:
      "PostgreSQL behind a pooler in transaction mode: a direct connection for LISTEN and session locks",
    scope: "all",
  }),
  databaseNotify: setting(choice(["on", "off"]), {
    key: "databaseNotify",
    env: "DATABASE_NOTIFY",
    placeholder: "choice",
    default: "on",
    summary:
      "PostgreSQL: tell other processes of new work by NOTIFY; without it they find it within their poll interval",
    scope: "all",
  }),
  namespace: setting(nameOf("namespace"), {
    key: "namespace",
    env: "JOBD_NAMESPACE",
    flag: "namespace",
    placeholder: "name",
    default: "default",
    summary: "the tenant whose queues and jobs are meant",
    scope: "all",
  }),
  redactKeys: setting(keyNames, {
    key: "redactKeys",
    env: "JOBD_REDACT_KEYS",
    placeholder: "names",
    default: SECRET_KEYS.join(","),
    summary:
      "keys whose values commands and the HTTP API never show, in payloads, results and notes of all jobs, however written " +
      "(apiKey, api_key); + in front adds to these, none shows all",
    scope: "all",
  }),
  workerConcurrency: setting(integer(1, 1000), {
    key: "worker.concurrency",
    env: "WORKER_CONCURRENCY",
    flag: "concurrency",
    placeholder: "n",
    default: "10",
    summary: "how many jobs run at once in this process",
    scope: "worker",
  }),
  workerQueues: setting(queueChoice, {
    key: "worker.queues",
    env: "WORKER_QUEUES",
    flag: "queues",
    placeholder: "list",
    default: "*",
    summary:
      "queues to serve: * (all, highest priority first), in order (high,default) or by weight (high=6,default=1)",
    scope: "worker",
  }),
  workerPollInterval: setting(duration("10ms", "1h"), {
    key: "worker.pollInterval",
    env: "WORKER_POLL_INTERVAL",
    flag: "poll-interval",
    placeholder: "duration",
    default: "1s",
    summary: "the longest wait before the store is asked for work without having been told of any",
    scope: "worker",
  }),
  workerLease: setting(duration("1s", "1h"), {
    key: "worker.lease",
    env: "WORKER_LEASE",
    placeholder: "duration",
    default: "30s",
    summary:
      "how long a claim holds without renewal (renewed every sixth of it): jobs of a worker that is gone, or cut off " +
      "from the store, start elsewhere after it",
    scope: "worker",
  }),
  workerShutdownTimeout: setting(duration("0s", "1d"), {
    key: "worker.shutdownTimeout",
    env: "WORKER_SHUTDOWN_TIMEOUT",
    flag: "shutdown-timeout",
    placeholder: "duration",
    default: "30s",
    summary: "how long running jobs may finish when the worker stops; then they are ended and handed back",
    scope: "worker",
  }),
  workerHandlers: setting(fileList, {
    key: "worker.handlers",
    env: "WORKER_HANDLERS",
    flag: "handlers",
    placeholder: "files",
    otherwise: "only the handlers that ship with jobd",
    summary: "files that export handlers of your own, or patterns of them (jobs/*.ts)",
    repeats: true,
    scope: "worker",
  }),
  workerIsolate: setting(choice(["on", "off"]), {
    key: "worker.isolate",
    env: "WORKER_ISOLATE",
    placeholder: "choice",
    default: "off",
    summary:
      "run all handlers of those files in processes of their own, with no rights but those they declare; else only those that ask for it",
    scope: "worker",
  }),
  workerDeno: setting(text, {
    key: "worker.deno",
    env: "JOBD_DENO",
    placeholder: "path",
    otherwise: "the one that runs jobd",
    summary: "the Deno for handlers in processes of their own",
    scope: "worker",
  }),
  workerMaxDeaths: setting(integer(1, 1000), {
    key: "worker.maxDeaths",
    env: "WORKER_MAX_DEATHS",
    placeholder: "n",
    default: "3",
    summary:
      "deaths of its process in a row after which a job in a process of its own is dead, however many attempts are left",
    scope: "worker",
  }),
  apiHost: setting(text, {
    key: "api.host",
    env: "API_HOST",
    flag: "api-host",
    placeholder: "address",
    default: "127.0.0.1",
    summary:
      "the address at which the HTTP API listens; one that other machines reach needs TLS, or API_PLAINTEXT=on",
    scope: "api",
  }),
  apiPort: setting(integer(0, 65_535), {
    key: "api.port",
    env: "API_PORT",
    flag: "api-port",
    placeholder: "n",
    default: "8080",
    summary: "the port of the HTTP API; 0 takes one that is free",
    scope: "api",
  }),
  apiHosts: setting(hostList, {
    key: "api.hosts",
    env: "API_HOSTS",
    flag: "api-hosts",
    placeholder: "list",
    otherwise: "only localhost and its addresses",
    summary: "names by which the API may be called; requests to any other name are refused",
    scope: "api",
  }),
  apiTlsCert: setting(text, {
    key: "api.tls.cert",
    env: "API_TLS_CERT",
    placeholder: "file",
    otherwise: "plain HTTP",
    summary: "certificate of the HTTP API with its chain, as PEM",
    scope: "api",
  }),
  apiTlsKey: setting(text, {
    key: "api.tls.key",
    env: "API_TLS_KEY",
    placeholder: "file",
    otherwise: "plain HTTP",
    summary: "the key of that certificate, as PEM",
    scope: "api",
  }),
  apiPlaintext: setting(choice(["on", "off"]), {
    key: "api.plaintext",
    env: "API_PLAINTEXT",
    placeholder: "choice",
    default: "off",
    summary: "let other machines reach the API without TLS: only where something in front of it encrypts",
    scope: "api",
  }),
  ...AGENT_SETTINGS,
  jobDefaultTimeout: setting(duration("1ms"), {
    key: "jobs.timeout",
    env: "JOB_DEFAULT_TIMEOUT",
    placeholder: "duration",
    default: "5m",
    summary:
      "longest run of a job when neither it, its queue nor its handler says so (agent runs have their own, 1h)",
    scope: "worker",
  }),
  jobDefaultMaxAttempts: setting(integer(1, 1000), {
    key: "jobs.maxAttempts",
    env: "JOB_DEFAULT_MAX_ATTEMPTS",
    placeholder: "n",
    default: "5",
    summary: "failed runs after which a job is dead, when neither it nor its queue says so",
    scope: "all",
  }),
  encryptionKeys: setting(encryptionKeys, {
    key: "encryption.keys",
    env: "JOBD_ENCRYPTION_KEYS",
    placeholder: "keys",
    otherwise: "nothing is encrypted, and encrypted jobs cannot be read",
    summary:
      "keys for payloads and results that are stored encrypted: ID:KEY,ID:KEY, each key 32 bytes in base64 " +
      "(openssl rand -base64 32); the first one encrypts, all decrypt",
    scope: "all",
  }),
  encryptionUniqueKey: setting(encryptionKey, {
    key: "encryption.uniqueKey",
    env: "JOBD_ENCRYPTION_UNIQUE_KEY",
    placeholder: "key",
    otherwise: "encrypted jobs cannot be unique by their payload",
    summary:
      "the key of the hashes by which encrypted jobs are unique by their payload or fields of it; it stays when the others change",
    scope: "all",
  }),
  encryptionTypes: setting(typeChoice, {
    key: "encryption.types",
    env: "JOBD_ENCRYPTION_TYPES",
    placeholder: "list",
    otherwise: "jobs that ask for it",
    summary: "types whose jobs are always encrypted: names separated by commas, or *",
    scope: "all",
  }),
  logLevel: setting(choice(LOG_LEVELS), {
    key: "log.level",
    env: "LOG_LEVEL",
    flag: "log-level",
    placeholder: "level",
    default: "info",
    summary: "quieter messages of jobd itself are left out",
    scope: "all",
  }),
  logFormat: setting(choice<LogFormat>(["json", "console"]), {
    key: "log.format",
    env: "LOG_FORMAT",
    flag: "log-format",
    placeholder: "format",
    otherwise: "json; console on a terminal",
    summary: "json (one object a line) or console (for people)",
    scope: "all",
  }),
  backoffBase: setting(duration("0s"), {
    key: "backoff.base",
    placeholder: "duration",
    default: "10s",
    summary: "delay after the first failure; doubled after each further one",
    scope: "worker",
  }),
  backoffMax: setting(duration("0s"), {
    key: "backoff.max",
    placeholder: "duration",
    default: "1h",
    summary: "no delay after a failure is longer",
    scope: "worker",
  }),
  backoffJitter: setting(choice(JITTERS), {
    key: "backoff.jitter",
    placeholder: "kind",
    default: "equal",
    summary: "how much of a delay is left to chance",
    scope: "worker",
  }),
  retentionCompleted: setting(kept, {
    key: "retention.completed",
    placeholder: "duration",
    default: "7d",
    summary: "how long completed jobs are kept",
    scope: "worker",
  }),
  retentionCancelled: setting(kept, {
    key: "retention.cancelled",
    placeholder: "duration",
    default: "7d",
    summary: "how long cancelled jobs are kept",
    scope: "worker",
  }),
  retentionExpired: setting(kept, {
    key: "retention.expired",
    placeholder: "duration",
    default: "30d",
    summary: "how long expired jobs are kept",
    scope: "worker",
  }),
  retentionDead: setting(kept, {
    key: "retention.dead",
    placeholder: "duration",
    default: "90d",
    summary: "how long dead jobs are kept",
    scope: "worker",
  }),
  retentionAudit: setting(kept, {
    key: "retention.audit",
    placeholder: "duration",
    default: "90d",
    summary: "how long the audit log remembers what operators did",
    scope: "worker",
  }),
  retentionStats: setting(kept, {
    key: "retention.stats",
    placeholder: "duration",
    default: "730d",
    summary: "how long statistics are kept: minutes for two days, then hours up to 90 days, then days",
    scope: "worker",
  }),
} as const;

/** The name of a setting in the program. */
export type SettingName = keyof typeof SETTINGS;

type ValueOf<S> = S extends { reader: Reader<infer T>; default: string } ? T
  : S extends { reader: Reader<infer T> } ? T | undefined
  : never;

/** All settings, read. Durations are milliseconds. */
export type SettingValues = { -readonly [K in SettingName]: ValueOf<(typeof SETTINGS)[K]> };

/** The settings as a list, in the order of the documents. */
export function settingsList(): [SettingName, Setting<unknown>][] {
  return Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];
}
