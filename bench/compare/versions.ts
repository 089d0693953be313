// @ts-types="@types/pg"
import { Client } from "pg";
import { DatabaseSync } from "node:sqlite";
import type { Nodes } from "./peers.ts";
import { redisVersion } from "./redis.ts";

/** Versions of the databases and of the Node that ran the peers, as far as this run has used them. */
export async function databaseVersions(
  used: { postgresUrl?: string; redis: boolean; nodes?: Nodes },
): Promise<Record<string, string>> {
  const versions: Record<string, string> = { SQLite: sqliteVersion() };
  if (used.postgresUrl !== undefined) versions.PostgreSQL = await postgresVersion(used.postgresUrl);
  if (used.redis) versions.Redis = await redisVersion();
  if (used.nodes !== undefined) {
    const { node22, node24 } = used.nodes;
    versions.Node = `${await nodeVersion(node24)} (for plainjob ${await nodeVersion(node22)})`;
  }
  return versions;
}

function sqliteVersion(): string {
  const database = new DatabaseSync(":memory:");
  try {
    return String(database.prepare("select sqlite_version() as version").get()?.version);
  } finally {
    database.close();
  }
}

async function postgresVersion(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: [row] } = await client.query<{ server_version: string }>("show server_version");
    return row?.server_version.split(" ")[0] ?? "unknown";
  } finally {
    await client.end();
  }
}

async function nodeVersion(path: string): Promise<string> {
  const { stdout } = await new Deno.Command(path, { args: ["--version"] }).output();
  return new TextDecoder().decode(stdout).trim().replace(/^v/, "");
}
