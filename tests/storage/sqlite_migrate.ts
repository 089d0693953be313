// A process that makes the schema of a store, like a first start, and inserts one job.
import { openSqlite } from "../../src/storage/sqlite/driver.ts";
import { newJob } from "../conformance/world.ts";

const [path = "", number = ""] = Deno.args;
const driver = openSqlite(path);
await driver.migrate();
await driver.ready();
await driver.insert([newJob(Number(number))]);
await driver.close();
