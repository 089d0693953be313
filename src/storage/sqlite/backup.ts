import { backup } from "node:sqlite";
import { JobdError, show } from "../../domain/errors.ts";
import type { Connection } from "./connection.ts";
import { platform } from "../platform/here.ts";
import { explain, systemCode } from "./errors.ts";

/** Pages copied before other work gets its turn: some milliseconds. */
const PAGES = 1_000;

/**
 * Copies the store as it is at one moment into a new file that only its owner can read.
 *
 * @throws {JobdError} `conflict` when the file exists
 */
export async function backUp(connection: Connection, path: string): Promise<void> {
  try {
    platform.createFile(path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw explain(error, path);
    throw new JobdError("conflict", `Cannot back up to ${show(path)}: the file exists`, {
      hint: "Name a file that does not exist yet, or remove it first.",
    });
  }
  try {
    await backup(connection.db, path, { rate: PAGES });
  } catch (error) {
    platform.removeFile(path);
    throw explain(error, path);
  }
}
