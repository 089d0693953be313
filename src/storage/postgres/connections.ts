// @ts-types="@types/pg"
import {
  Client,
  type ClientConfig,
  Pool,
  type PoolClient,
  type QueryArrayConfig,
  type QueryConfig,
} from "pg";
import { JobdError } from "../../domain/errors.ts";
import type { Row } from "../sql/script.ts";
import type { Address } from "./address.ts";
import { isConflict, isDisconnect, isPooler, isReadOnly, isSilence, translate } from "./errors.ts";
import { Slots } from "./slots.ts";
import { columnTypes } from "./types.ts";

/** A statement of this backend: SQL with numbered parameters, and a name if it may be prepared once a connection. */
export interface Query {
  /** Unique for the text; without it the statement is planned each time. */
  name?: string;
  /** The SQL. */
  text: string;
  /** How long a reply is waited for, in milliseconds, when that is not as long as usual. */
  deadlineMs?: number;
}

/** A parameter. */
export type Value = string | number | null;

/** Runs one statement and gives its rows. */
export type RunQuery = (query: Query, values?: Value[]) => Promise<Row[]>;

/** Options of {@linkcode Connections}. */
export interface ConnectionsOptions {
  /** The servers. */
  address: Address;
  /** For messages. */
  schema: string;
  /** Whether statements may keep a name in a session; never true behind a pooler that shares sessions. */
  prepared: boolean;
  /** Connections at most, besides the one for urgent statements. */
  size: number;
  /** No reply within this time is taken for a lost connection, in milliseconds. @default 30000 */
  deadlineMs?: number;
}

const DEADLINE_MS = 30_000;
/** The same for urgent statements: a lease must outlast several of them. */
const URGENT_DEADLINE_MS = 5_000;
const CONNECT_MS = 10_000;
/**
 * A transaction whose client says nothing for so long is over, in milliseconds: a process that is frozen or cut off in the
 * middle of one would keep its locks, at a limit those that all others wait for, until TCP gives it up hours later.
 */
const SILENT_TRANSACTION_MS = 5_000;
/** Attempts of something that PostgreSQL gave up because of a deadlock or a serialisation failure. */
const TRIES = 5;

/**
 * Every statement is written for read committed, where one that waited sees what it waited for; a database may have another
 * default. Plans of prepared statements outlive the moment they were made in. A plan made while a table was empty reads the
 * whole table, and goes on doing so when it holds a million rows; every statement here has an index made for it.
 */
const SETTINGS = "-c default_transaction_isolation=read\\ committed -c enable_seqscan=off -c jit=off";

/** The pool of connections to the server that can write. */
export class Connections {
  readonly #options: ConnectionsOptions;
  #prepared: boolean;
  #pool: Promise<Pool> | null = null;
  #retired = new Set<Promise<void>>();
  #closed = false;
  #dropped = false;
  /** Those that are open or being opened, in the pool or not. */
  readonly #clients = new Set<Client>();
  /** As many as the pool has connections: the library's own queue would leave those who wait in it when the pool ends. */
  readonly #slots: Slots;
  readonly #urgentSlots = new Slots(1);
  /** Those who wait for a connection of a pool, which would forget them if it ended meanwhile. */
  readonly #connecting = new Set<Promise<PoolClient>>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#slots = new Slots(options.size);
    this.#prepared = options.prepared;
  }

  /** Runs one statement in a transaction of its own. */
  query(query: Query, values: Value[] = []): Promise<Row[]> {
    return this.#retrying(() => this.#with((client) => this.#send(client, query, values)));
  }

  /**
   * {@linkcode query} for what may not wait: it has a connection of its own when all others are busy or stuck, and less
   * patience.
   */
  urgent(query: Query, values: Value[] = []): Promise<Row[]> {
    const deadlineMs = Math.min(this.#deadlineMs, URGENT_DEADLINE_MS);
    const send = (client: PoolClient) => this.#send(client, { ...query, deadlineMs }, values);
    return this.#retrying(() => this.#urgentSlots.use(() => this.#connected(send)));
  }

  /** {@linkcode query} with rows as arrays, which is faster for many rows with many columns. */
  queryArrays(query: Query, values: Value[] = []): Promise<unknown[][]> {
    const { text } = query;
    return this.#retrying(() =>
      this.#with(async (client) => {
        const config: QueryArrayConfig = { ...this.#named(query), text, values, rowMode: "array" };
        return (await client.query(config)).rows;
      })
    );
  }

  /** Runs several statements in one transaction; all of it again when PostgreSQL gave it up for a conflict. */
  transaction<T>(work: (run: RunQuery) => Promise<T>): Promise<T> {
    return this.#retrying(() => this.#with((client) => this.#transact(client, work)));
  }

  /** Frees everything; statements under way end first. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retire(this.#pool);
    await Promise.all(this.#retired);
  }

  /** Ends all connections without a goodbye, later ones too; what uses one fails, and so does what waits for one. */
  drop(): void {
    this.#closed = this.#dropped = true;
    for (const client of this.#clients) dropClient(client);
  }

  /** A connection to a server outside the pool, not connected yet; its owner ends it. */
  client(url: string): Client {
    const client = new Client(this.#config(url));
    client.on("error", ignore);
    return this.#keep(client);
  }

  #config(url: string): ClientConfig {
    return {
      connectionString: url,
      application_name: "jobd",
      connectionTimeoutMillis: Math.min(CONNECT_MS, this.#deadlineMs),
      query_timeout: this.#deadlineMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: columnTypes,
      ...(this.#prepared ? { options: SETTINGS } : {}),
    };
  }

  async #transact<T>(client: PoolClient, work: (run: RunQuery) => Promise<T>): Promise<T> {
    // For this transaction only: behind a pooler the session belongs to others too.
    const patience = `set local idle_in_transaction_session_timeout = ${SILENT_TRANSACTION_MS}`;
    await client.query(`begin isolation level read committed; ${patience}`);
    try {
      const result = await work((query, values = []) => this.#send(client, query, values));
      await client.query("commit");
      return result;
    } catch (error) {
      if (!isDisconnect(error) || error instanceof JobdError) await client.query("rollback");
      throw error;
    }
  }

  async #send(client: PoolClient, query: Query, values: Value[]): Promise<Row[]> {
    const { text, deadlineMs } = query;
    const config: QueryConfig & { query_timeout?: number } = {
      ...this.#named(query),
      text,
      values,
      ...(deadlineMs === undefined ? {} : { query_timeout: deadlineMs }),
    };
    return (await client.query<Row>(config)).rows;
  }

  get #deadlineMs(): number {
    return this.#options.deadlineMs ?? DEADLINE_MS;
  }

  #named(query: Query): { name?: string } {
    return this.#prepared && query.name !== undefined ? { name: query.name } : {};
  }

  async #retrying<T>(attempt: () => Promise<T>): Promise<T> {
    for (let count = 1;; count++) {
      const prepared = this.#prepared;
      try {
        return await attempt();
      } catch (error) {
        if (prepared && isPooler(error)) this.#becomePlain();
        else if (!isConflict(error) || count >= TRIES) {
          throw translate(error, this.#options.address.location, this.#options.schema);
        }
      }
    }
  }

  /** A pooler was noticed: from now on nothing stays in a session. The statement that failed had no effect. */
  #becomePlain(): void {
    if (!this.#prepared) return;
    this.#prepared = false;
    this.#retire(this.#pool);
  }

  #with<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#slots.use(() => this.#connected(work));
  }

  async #connected<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const current = this.#current();
    const pool = await current;
    let client: PoolClient | undefined;
    try {
      client = await this.#connect(pool);
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // The pool was replaced before it gave us a connection: the new one may do better.
      if (client === undefined && pool.ending && !this.#closed) return await this.#connected(work);
      const lost = isDisconnect(error) && !(error instanceof JobdError);
      client?.release(lost || isReadOnly(error));
      // After a failover the other connections of the pool lead to the wrong server too, and where one is silent the others
      // will be: each of them would cost another deadline.
      const all = isReadOnly(error) || isSilence(error) || (lost && this.#options.address.urls.length > 1);
      if (all) this.#retire(current);
      throw error;
    }
  }

  async #connect(pool: Pool): Promise<PoolClient> {
    const connecting = pool.connect();
    this.#connecting.add(connecting);
    try {
      return await connecting;
    } finally {
      this.#connecting.delete(connecting);
    }
  }

  #current(): Promise<Pool> {
    if (this.#closed) throw new JobdError("store_unavailable", "The store is closed");
    if (this.#pool === null) {
      const pool = this.#open();
      this.#pool = pool;
      pool.catch(() => {
        if (this.#pool === pool) this.#pool = null;
      });
    }
    return this.#pool;
  }

  async #open(): Promise<Pool> {
    const url = await this.chooseServer(this.#options.address.urls);
    const keep = (client: Client): Client => this.#keep(client);
    const pool = new Pool({
      ...this.#config(url),
      max: this.#options.size + 1,
      idleTimeoutMillis: 60_000,
      // The pool shows its connections only once they are open.
      Client: class extends Client {
        constructor(config?: ClientConfig) {
          super(config);
          keep(this);
        }
      },
    });
    pool.on("error", ignore);
    pool.on("connect", (client) => client.on("error", ignore));
    return pool;
  }

  #keep(client: Client): Client {
    this.#clients.add(client);
    // It has begun to connect by then.
    if (this.#dropped) queueMicrotask(() => dropClient(client));
    client.once("end", () => this.#clients.delete(client));
    return client;
  }

  /** Of several servers the first that can write, else the first that answers. */
  async chooseServer(urls: string[]): Promise<string> {
    if (urls.length === 1) return urls[0] ?? "";
    let standby: string | undefined;
    let failure: unknown;
    for (const url of urls) {
      try {
        if (!await this.#isStandby(url)) return url;
        standby ??= url;
      } catch (error) {
        if (isPooler(error)) throw error;
        failure ??= error;
      }
    }
    if (standby !== undefined) return standby;
    throw failure;
  }

  async #isStandby(url: string): Promise<boolean> {
    const client = this.client(url);
    try {
      await client.connect();
      const result = await client.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
      return result.rows[0]?.standby === true;
    } finally {
      await client.end().catch(ignore);
    }
  }

  /** Gives up this pool, if it still is the current one; the next statement opens another. */
  #retire(pool: Promise<Pool> | null): void {
    if (pool === null || this.#pool !== pool) return;
    this.#pool = null;
    const end = async (): Promise<void> => {
      const open = await pool;
      await Promise.allSettled(this.#connecting);
      await open.end();
    };
    const ended = end().catch(ignore);
    this.#retired.add(ended);
    ended.finally(() => this.#retired.delete(ended));
  }
}

/** Ends a connection without a goodbye, which a silent peer would not answer. */
export function dropClient(client: Client): void {
  (client as unknown as Socketed).connection.stream.destroy();
}

/** The part of the client library that its types leave out. */
interface Socketed {
  connection: { stream: { destroy(): void } };
}

/** Errors of a connection are seen by the statement that needs it; between statements there is nobody to tell. */
function ignore(): void {}
