import { postgresStores } from "../conformance/backends.ts";
import { sharedPostgres } from "../support/postgres_server.ts";
import { remote } from "./suite.ts";

const server = await sharedPostgres();
remote("postgres", postgresStores(server.url));
