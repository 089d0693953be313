/** The user a server runs as. */
export interface RunAs {
  uid: number;
  gid: number;
}

/** PostgreSQL and PgBouncer refuse to run as root: then it is `postgres` or `nobody`, otherwise simply this user. */
export async function runAs(): Promise<RunAs | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const users = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  if (!user) throw new Error("Neither the user postgres nor nobody exists; a server cannot run as root.");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** A port that nothing listens on at this moment. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Waits until something listens on that loopback port, or (false) nothing does any more. */
export async function listening(port: number, wanted: boolean): Promise<void> {
  while (await accepts(port) !== wanted) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function accepts(port: number): Promise<boolean> {
  try {
    using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
    return true;
  } catch {
    return false;
  }
}
