import { startPgBouncer } from "../support/pgbouncer.ts";
import { sharedPostgres } from "../support/postgres_server.ts";
import { postgresStores } from "./backends.ts";
import { conformance } from "./suite.ts";

const server = await sharedPostgres();
const pooler = await startPgBouncer(server);

const options = { preparedStatements: false, listenUrl: server.url };
conformance("postgres through pgbouncer", postgresStores(pooler.url, options, server.url));
