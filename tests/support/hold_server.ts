// A process that starts a server, says where, and waits to be killed: for postgres_server_test.ts.
import { startPostgres } from "./postgres_server.ts";

const server = await startPostgres();
Deno.stdout.writeSync(
  new TextEncoder().encode(`${JSON.stringify({ port: server.port, dataDir: server.dataDir })}\n`),
);
setInterval(() => {}, 1000);
