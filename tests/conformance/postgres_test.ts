import { sharedPostgres } from "../support/postgres_server.ts";
import { postgresStores } from "./backends.ts";
import { conformance } from "./suite.ts";

const [oldest, newest] = await Promise.all([sharedPostgres("15"), sharedPostgres("newest")]);

conformance("postgres 15", postgresStores(oldest.url));
conformance("postgres newest", postgresStores(newest.url));
