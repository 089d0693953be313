// A process without the right to write, which uses a store nevertheless and prints the error codes.
import { openSqlite } from "../../src/storage/sqlite/driver.ts";

const [path = ""] = Deno.args;
await Deno.permissions.revoke({ name: "write" });
const lines: string[] = [];
for (const call of ["migrate", "ready"] as const) {
  const driver = openSqlite(path);
  const code = await driver[call]().then(() => "ok", (error) => error.code);
  lines.push(`${call} ${code}`);
  await driver.close();
}
await Deno.stdout.write(new TextEncoder().encode(lines.join("\n")));
