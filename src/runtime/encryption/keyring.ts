import { ENCRYPTED, type Encryption } from "../../domain/encryption.ts";
import { JobdError, show } from "../../domain/errors.ts";
import type { Job, NewJob } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { JobRequest } from "../../domain/request.ts";
import { type Cipher, isEnvelope, openBytes, openJson, sealBytes, sealJson } from "./envelope.ts";
import { type EncryptionOptions, type Keys, readKeys } from "./keys.ts";

/** What of a job is encrypted besides its payload: its result, or a step or an answer by its name. */
export type Part = { field: "result" } | { field: "step" | "answer"; name: string };

/** What {@linkcode Keyring} needs to know of a job. */
type Marked = Pick<Job, "id" | "namespace" | "type" | "options">;

/** A payload as it is stored, and the job's own key with it. */
export interface SealedPayload {
  /** The ciphertext. */
  payload: Json;
  /** How to read it. */
  encrypted: Encryption;
}

/**
 * The keys of one program. Without any, encrypted jobs can be seen, but not read.
 *
 * Each payload has a key of its own, so a ciphertext opens in no other job. It is not bound to the job's id, since a
 * payload may replace that of a waiting job which only the store knows; payload and key go there together. Results, steps and answers
 * are bound to the id and to which of them they are, too.
 */
export class Keyring {
  readonly #keys: Keys;
  readonly #types: ReadonlySet<string> | "all";
  /** Keys of jobs that were opened here, for what is written of them later. */
  readonly #opened = new WeakMap<Encryption, Cipher>();

  private constructor(keys: Keys, types: EncryptionOptions["types"] = []) {
    this.#keys = keys;
    this.#types = types === "all" ? "all" : new Set(types);
  }

  /** Reads the keys. @throws {JobdError} `invalid_config` naming the key, never its value */
  static async of(options?: EncryptionOptions): Promise<Keyring> {
    return new Keyring(await readKeys(options), options?.types);
  }

  /** The id of the key that encrypts; undefined when nothing can be encrypted. */
  get current(): string | undefined {
    return this.#keys.current;
  }

  /** Whether all jobs of this type are to be encrypted. */
  covers(type: string): boolean {
    return this.#types === "all" || this.#types.has(type);
  }

  /**
   * New jobs of requests as they are stored, encrypted or not.
   *
   * @throws {JobdError} `key_missing` when a key that one of them needs is not here
   */
  async sealNew(requests: readonly Pick<JobRequest, "encrypt">[], jobs: NewJob[]): Promise<NewJob[]> {
    const wanted = jobs.map(({ type }, at) => requests[at]?.encrypt === true || this.covers(type));
    if (!wanted.includes(true)) return jobs;
    return await Promise.all(jobs.map((job, at) => wanted[at] ? this.#sealJob(job) : job));
  }

  async #sealJob(job: NewJob): Promise<NewJob> {
    const { payload, encrypted } = await this.sealPayload(job, job.payload);
    const { unique } = job.options;
    const hashed = unique?.hash === undefined
      ? {}
      : { unique: { ...unique, hash: await this.#keyedHash(job, unique.hash) } };
    return { ...job, payload, options: { ...job.options, ...hashed, encrypted } };
  }

  /** A payload as it is stored. @throws {JobdError} `key_missing` when there is no key to encrypt with */
  async sealPayload(job: Pick<Job, "namespace" | "type">, payload: Json): Promise<SealedPayload> {
    const { current = "", byId } = this.#keys;
    const master = byId.get(current);
    if (master === undefined) {
      throw new JobdError(
        "key_missing",
        `Jobs of type ${show(job.type)} are to be encrypted, and there is no key here`,
        { hint: "Set JOBD_ENCRYPTION_KEYS, or `encryption` of Jobd.open()." },
      );
    }
    const raw = crypto.getRandomValues(new Uint8Array(32));
    const encrypted = { key: current, wrapped: await sealBytes(raw, placeOfKey(job), master) };
    return { payload: await sealJson(payload, ["payload"], await this.#ownKey(raw)), encrypted };
  }

  /** A result or a step of a job as it is stored; as it is when the job is not encrypted. */
  async sealPart(job: Marked, part: Part, value: Json): Promise<Json> {
    const { encrypted } = job.options;
    if (encrypted === undefined) return value;
    return await sealJson(value, placeOf(job, part), await this.#unwrap(job, encrypted));
  }

  /** What {@linkcode sealPart} has made. @throws {JobdError} `internal` when it was changed or is of another job */
  async openPart(job: Marked, part: Part, value: Json): Promise<Json> {
    const { encrypted } = job.options;
    if (encrypted === undefined || !isEnvelope(value)) return value;
    try {
      return await openJson(value, placeOf(job, part), await this.#unwrap(job, encrypted));
    } catch {
      // WebCrypto tells no reason, so that nobody can learn about the key from it.
      const what = part.field === "result"
        ? "result"
        : part.name === ""
        ? "checkpoint"
        : `${part.field} "${part.name}"`;
      throw new JobdError("internal", `The ${what} of job ${job.id} does not open: it was changed or moved`);
    }
  }

  /** Jobs as they are read: with payloads and results, or else with why they cannot be read here. */
  async open<J extends Job>(jobs: J[]): Promise<J[]> {
    if (!jobs.some(({ options }) => options.encrypted)) return jobs;
    return await Promise.all(jobs.map((job) => this.#openJob(job)));
  }

  /** New jobs as they were before they were encrypted. Rejects when they cannot be read here. */
  async openNew(jobs: readonly NewJob[]): Promise<NewJob[]> {
    return await Promise.all(jobs.map(async (job) => {
      const { encrypted } = job.options;
      return encrypted === undefined ? job : { ...job, payload: await this.#openPayload(job, encrypted) };
    }));
  }

  /** The job's own key encrypted with the current key. @throws {JobdError} `key_missing` when it cannot be read here */
  async rewrap(job: Marked, encrypted: Encryption): Promise<Encryption> {
    const { current = "", byId } = this.#keys;
    const [old, master] = [byId.get(encrypted.key), byId.get(current)];
    if (old === undefined || master === undefined) {
      throw new JobdError("key_missing", absent(old === undefined ? encrypted.key : current));
    }
    try {
      const raw = await openBytes(encrypted.wrapped, placeOfKey(job), old);
      return { key: current, wrapped: await sealBytes(raw, placeOfKey(job), master) };
    } catch {
      throw new JobdError("key_missing", foreign("job", encrypted.key));
    }
  }

  async #openJob<J extends Job>(job: J): Promise<J> {
    const { encrypted } = job.options;
    if (encrypted === undefined) return job;
    const sealed = (reason: string): J => ({
      ...job,
      payload: ENCRYPTED,
      result: isEnvelope(job.result) ? ENCRYPTED : job.result,
      sealed: reason,
    });
    if (!this.#keys.byId.has(encrypted.key)) return sealed(absent(encrypted.key));
    try {
      const payload = await this.#openPayload(job, encrypted);
      return { ...job, payload, result: await this.openPart(job, { field: "result" }, job.result) };
    } catch {
      return sealed(foreign("job", encrypted.key));
    }
  }

  async #openPayload(job: Marked & Pick<Job, "payload">, encrypted: Encryption): Promise<Json> {
    if (!isEnvelope(job.payload)) throw new JobdError("internal", foreign("payload", encrypted.key));
    return await openJson(job.payload, ["payload"], await this.#unwrap(job, encrypted));
  }

  async #unwrap(job: Marked, encrypted: Encryption): Promise<Cipher> {
    const known = this.#opened.get(encrypted);
    if (known !== undefined) return known;
    const master = this.#keys.byId.get(encrypted.key);
    if (master === undefined) throw new JobdError("key_missing", absent(encrypted.key));
    const key = await this.#ownKey(await openBytes(encrypted.wrapped, placeOfKey(job), master));
    this.#opened.set(encrypted, key);
    return key;
  }

  async #ownKey(raw: Uint8Array<ArrayBuffer>): Promise<Cipher> {
    const { subtle } = this.#keys;
    return { key: await subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]), subtle };
  }

  /** A plain hash would tell whoever guesses the payload that the guess is right. */
  async #keyedHash({ type }: NewJob, hash: string): Promise<string> {
    const { unique } = this.#keys;
    if (unique === undefined) {
      throw new JobdError(
        "key_missing",
        `Jobs of type ${
          show(type)
        } are encrypted and unique by their payload, and the key for that is not here`,
        { hint: "Set JOBD_ENCRYPTION_UNIQUE_KEY, or `encryption.uniqueKey` of Jobd.open(); or give a key." },
      );
    }
    const mac = new Uint8Array(await unique.subtle.sign("HMAC", unique.key, new TextEncoder().encode(hash)));
    return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

/** Not the type: a unique key may be shared by jobs of several. */
function placeOfKey({ namespace }: Pick<Job, "namespace">): string[] {
  return ["key", namespace];
}

function placeOf({ id }: Marked, part: Part): string[] {
  return part.field === "result" ? ["result", id] : [part.field, id, part.name];
}

function absent(key: string): string {
  return `the encryption key ${show(key)} is not here`;
}

function foreign(what: string, key: string): string {
  return `the ${what} does not open with the encryption key ${show(key)}: ` +
    "it was changed or moved, or another key had this name";
}
