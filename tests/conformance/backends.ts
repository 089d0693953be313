import { join } from "node:path";
import type { Driver } from "../../src/storage/driver.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { openPostgres, type PostgresOptions } from "../../src/storage/postgres/driver.ts";
import { openSqlite } from "../../src/storage/sqlite/driver.ts";
import { administer } from "../support/postgres_server.ts";
import type { OpenStore, Store } from "./store.ts";

/** A store in memory; a second driver on the same data is the same one. */
export function openMemoryStore(): Promise<Store> {
  const driver = new MemoryDriver();
  return Promise.resolve({
    driver,
    reopen: () => Promise.resolve(driver),
    [Symbol.asyncDispose]: () => driver.close(),
  });
}

/** A store in an SQLite file in a folder of its own. */
export async function openSqliteStore(): Promise<Store> {
  const folder = await Deno.makeTempDir({ prefix: "jobd-test-sqlite-" });
  return await migrated(
    () => Promise.resolve(openSqlite(join(folder, "jobd.db"))),
    () => Deno.remove(folder, { recursive: true }),
  );
}

/** Stores in a schema of their own on a PostgreSQL server; `direct` is the server behind a pooler. */
export function postgresStores(url: string, options: PostgresOptions = {}, direct = url): OpenStore {
  return async () => {
    const schema = `t_${crypto.randomUUID().replaceAll("-", "")}`;
    return await migrated(
      () => openPostgres(url, { ...options, schema }),
      () => administer(direct, `drop schema if exists ${schema} cascade`),
    );
  };
}

async function migrated(open: () => Promise<Driver>, remove: () => Promise<void>): Promise<Store> {
  const drivers: Driver[] = [];
  const reopen = async (): Promise<Driver> => {
    const driver = await open();
    drivers.push(driver);
    return driver;
  };
  const driver = await reopen();
  await driver.migrate();
  return {
    driver,
    reopen,
    async [Symbol.asyncDispose]() {
      for (const each of drivers) await each.close();
      await remove();
    },
  };
}
