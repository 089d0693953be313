import type { Duration } from "../domain/duration.ts";
import { parseDuration } from "../domain/duration.ts";
import { Keyring } from "../runtime/encryption/keyring.ts";
import type { EncryptionOptions } from "../runtime/encryption/keys.ts";
import { Jobd } from "../runtime/jobd.ts";
import type { OpenOptions } from "../runtime/jobd_options.ts";
import type { Driver } from "../storage/driver.ts";
import { intercepted } from "../storage/intercept.ts";
import { MemoryDriver } from "../storage/memory/driver.ts";
import { openDriver } from "../storage/open.ts";
import { Activity } from "./activity.ts";
import { CountedIds, seededRandom } from "./chance.ts";
import { FakeClock } from "./fake_clock.ts";
import { Faults } from "./faults.ts";
import { Recorder } from "./recorder.ts";
import { OtherMachine } from "./worker_process.ts";

/** Time and chance of a test. */
export interface TimeOptions {
  /** The time at the start: a `Date`, epoch milliseconds, or ISO 8601 text. @default 2026-01-01 */
  now?: Date | number | string;
  /** What chance follows from, such as the jitter of retries. @default 1 */
  seed?: number;
  /**
   * How long, in real time, a handler may work on something that is not of this test, such as a file or a server, before
   * it is taken to wait for the clock. Handlers that wait by the context's clock are known to wait and cost nothing.
   * @default "1s"
   */
  patience?: Duration;
}

/** So that definitions that ask for encryption can be tested without more ado. They protect nothing. */
const TEST_KEYS: EncryptionOptions = {
  keys: { test: btoa("a key that everybody may look at") },
  current: "test",
  uniqueKey: btoa("another one that hides no values"),
};

/** A namespace of a store. */
export interface StoreOptions {
  /**
   * Where the jobs are, to see that something holds on a real store too: a URL as `Jobd.open` takes it, or a driver. Its
   * schema is brought up to date, its time is that of the test, and it is closed with it. Jobs of the namespace that are
   * there already take part, so it should be empty. @default memory
   */
  store?: string | Driver;
  /** The tenant. @default "default" */
  namespace?: string;
  /** Attempts of jobs when neither they nor their queue says so. @default 5 */
  maxAttempts?: number;
  /** Keys for jobs that are stored encrypted. @default keys for tests only */
  encryption?: EncryptionOptions;
}

/** Time and chance, made. */
export interface Time {
  readonly clock: FakeClock;
  readonly activity: Activity;
  readonly random: () => number;
  readonly ids: CountedIds;
}

/** Makes time and chance of a test. */
export function makeTime({ now, seed = 1, patience = "1s" }: TimeOptions): Time {
  const activity = new Activity({ patienceMs: parseDuration(patience, "patience") });
  const clock = new FakeClock(now, () => activity.quiet());
  return { clock, activity, random: seededRandom(seed), ids: new CountedIds() };
}

/** A store in memory with everything that a test puts around it. */
export class World {
  /** Time and chance. */
  readonly time: Time;
  /** The store itself: looking at it here is neither recorded nor disturbed. */
  readonly store: Driver;
  /** What goes into the store. */
  readonly recorder: Recorder;
  /** What goes wrong with it. */
  readonly faults: Faults;
  /** The store as programs see it. */
  readonly driver: Driver;
  /** The tenant. */
  readonly namespace: string;
  /** Workers that are gone, by the names that their leases have. */
  readonly goneWorkers: Set<string> = new Set();
  /** What the latest failure of a job was made of. */
  readonly thrown: Map<string, unknown> = new Map();
  readonly #options: StoreOptions;
  readonly #encryption: EncryptionOptions;
  #workers = 0;

  /** An empty one. */
  constructor(time: Time, options: StoreOptions & { store?: Driver }) {
    this.time = time;
    this.#encryption = { subtle: counted(time.activity), ...(options.encryption ?? TEST_KEYS) };
    this.store = options.store === undefined
      ? new MemoryDriver({ now: () => time.clock.now() })
      : at(time, options.store);
    this.recorder = new Recorder(this.store, time.activity, Keyring.of(this.#encryption));
    this.faults = new Faults({ clock: time.clock });
    this.driver = this.faults.on(this.recorder.driver);
    this.namespace = options.namespace ?? "default";
    this.#options = options;
  }

  /** A machine that a worker may run on. */
  machine(): OtherMachine {
    return new OtherMachine(++this.#workers);
  }

  /** A program on the store, or on what it sees of it. */
  open(driver: Driver, options: Pick<OpenOptions, "clock" | "processes"> = {}): Promise<Jobd> {
    const { clock, random, ids } = this.time;
    const { store: _, ...rest } = this.#options;
    const made = { clock, random, ids, processes: this.machine(), ...rest };
    return Jobd.open(driver, { ...made, encryption: this.#encryption, ...options });
  }
}

/** Opens the store that a test names. */
export async function openStore(store: string | Driver): Promise<Driver> {
  const driver = typeof store === "string" ? await openDriver(store) : store;
  try {
    await driver.migrate();
    return driver;
  } catch (error) {
    await driver.close();
    throw error;
  }
}

/** WebCrypto, which works in threads: time must stand still meanwhile. */
function counted(activity: Activity): NonNullable<EncryptionOptions["subtle"]> {
  return new Proxy(crypto.subtle, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => activity.call(async () => await member.apply(target, args));
    },
  });
}

/** The store at the time of the test. */
function at({ clock }: Time, store: Driver): Driver {
  return intercepted(store, async ({ method, effect }) => {
    const answer = await effect();
    return method === "ready" || method === "time" ? clock.now() : answer;
  });
}
