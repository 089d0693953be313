import { type Actor, actorOf } from "../domain/audit.ts";
import type { Clock } from "../domain/clock.ts";
import { checkNamespace, DEFAULT_NAMESPACE } from "../domain/names.ts";
import { DEFAULT_MAX_ATTEMPTS } from "../domain/request.ts";
import type { RedactedKeys } from "../domain/redacted_keys.ts";
import type { Driver } from "../storage/driver.ts";
import { system } from "../storage/system.ts";
import { type ActingAgent, AgentAllowances } from "./agents.ts";
import type { Keyring } from "./encryption/keyring.ts";
import { openedDriver } from "./encryption/opened_driver.ts";
import { Watching } from "./events/watching.ts";
import { Ids, type JobIds } from "./ids.ts";
import type { OpenOptions } from "./jobd_options.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { ProcessWatch } from "./process/identity.ts";
import type { RemoteWorkerDefaults } from "./remote/options.ts";
import { StoreTime } from "./store_time.ts";
import type { WatchdogStore } from "./watchdog.ts";

/** What {@linkcode Jobd} is made of. */
export interface JobdParts {
  /** The store: what changes there is told, and what comes from there is decrypted. */
  driver: Driver;
  /** The store's time. */
  time: StoreTime;
  /** Time. */
  clock: Clock;
  /** Numbers in [0, 1). */
  random: () => number;
  /** The tenant. */
  namespace: string;
  /** Attempts of jobs when neither they nor their queue says so. */
  maxAttempts: number;
  /** How a thread opens the same store. */
  store: WatchdogStore | undefined;
  /** Where ids of jobs come from. */
  ids: JobIds;
  /** What workers ask about processes. */
  processes: ProcessWatch | undefined;
  /** Where it says what goes wrong behind your back. */
  log: Logger;
  /** Telling of changes, and hearing of them. */
  watching: Watching;
  /** What holds for jobs of remote workers. */
  remoteWorkers: RemoteWorkerDefaults | undefined;
  /** The keys of encrypted jobs. */
  keyring: Keyring;
  /** Names of values that nobody sees, whatever jobs say. */
  redactKeys: RedactedKeys | undefined;
  /** Whom the audit log names. */
  actor: Actor;
  /** What agents have enqueued. */
  allowances: AgentAllowances;
  /** The agent for whom it works. */
  agent?: ActingAgent;
}

/** What of the parts is given. */
export type GivenParts =
  & Pick<OpenOptions, "namespace" | "maxAttempts" | "clock" | "random" | "ids" | "log" | "actor">
  & { processes?: ProcessWatch | undefined; remoteWorkers?: RemoteWorkerDefaults | undefined }
  & Pick<JobdParts, "keyring" | "redactKeys" | "store">;

/** The parts over a store. @throws {JobdError} `invalid_request` for a bad namespace; whatever is wrong with the store */
export async function partsOf(driver: Driver, given: GivenParts): Promise<JobdParts> {
  const namespace = checkNamespace(given.namespace ?? DEFAULT_NAMESPACE);
  const { clock = system, log = silentLogger, keyring, redactKeys, store, processes } = given;
  const time = await StoreTime.of(clock, () => driver.ready());
  const watching = new Watching({ driver, namespace, clock, now: () => time.now(), log });
  return {
    driver: openedDriver(watching.driver, keyring),
    time,
    clock,
    random: given.random ?? system.random,
    namespace,
    maxAttempts: given.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    store,
    ids: given.ids ?? new Ids(),
    processes,
    log,
    watching,
    remoteWorkers: given.remoteWorkers,
    keyring,
    redactKeys,
    actor: actorOf(given.actor),
    allowances: new AgentAllowances(),
  };
}
