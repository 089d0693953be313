import { postgresStores } from "../conformance/backends.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { sharedPostgres } from "../support/postgres_server.ts";
import { watching } from "./suite.ts";

const server = await sharedPostgres();
const pooler = await startPgBouncer(server);

watching("postgres", postgresStores(server.url));
watching("postgres without NOTIFY", postgresStores(server.url, { notify: false }), { polls: true });
// A session of one's own is not to be had there, so nobody hears a NOTIFY. Each worker waits for one in vain when it starts,
// which takes its time: these tests are enough to show that nothing needs one.
watching(
  "postgres behind a pooler without LISTEN",
  postgresStores(pooler.url, { preparedStatements: false }, server.url),
  { polls: true, only: /^(what another program does|result\(\) and wait)/ },
);
