import type { Driver } from "../../src/storage/driver.ts";
import { openPostgres, type PostgresOptions } from "../../src/storage/postgres/driver.ts";
import type { Store } from "../conformance/store.ts";
import type { PostgresVersion } from "../support/postgres_binaries.ts";
import { administer, sharedPostgres } from "../support/postgres_server.ts";

/** A migrated store in a schema of its own on the shared server, dropped at the end. */
export interface PostgresStore extends Store {
  /** The server's URL. */
  readonly url: string;
  /** The schema. */
  readonly schema: string;
  /** Another driver on the same schema, with other options. */
  open(options?: PostgresOptions): Promise<Driver>;
}

/** Makes a store; `options` are those of its first driver. */
export async function openPostgresStore(
  options: PostgresOptions = {},
  version: PostgresVersion = "15",
): Promise<PostgresStore> {
  const { url } = await sharedPostgres(version);
  const schema = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  const drivers: Driver[] = [];
  const open = async (more: PostgresOptions = {}): Promise<Driver> => {
    const driver = await openPostgres(url, { schema, ...more });
    drivers.push(driver);
    return driver;
  };
  const driver = await open(options);
  await driver.migrate();
  return {
    driver,
    url,
    schema,
    open,
    reopen: () => open(options),
    async [Symbol.asyncDispose]() {
      await Promise.all(drivers.map((each) => each.close()));
      await administer(url, `drop schema if exists ${schema} cascade`);
    },
  };
}
