// Ends a server when the test process is gone, however it ended: a test run leaves nothing behind, also after kill -9.
const LEASH = `
trap '' INT TERM HUP
while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 1; done
[ -d "$2" ] || exit 0
server=$(head -n 1 "$2/$3" 2>/dev/null) || server=
if [ -n "$server" ]; then
  kill -QUIT "$server" 2>/dev/null
  for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$server" 2>/dev/null || break; sleep 1; done
  kill -KILL "$server" 2>/dev/null
fi
rm -rf "$2"
`;

/**
 * Watches this process from outside and, when it has ended, ends the server whose pid stands in `pidFile` (a path inside
 * `folder`) and removes `folder`. Once `folder` is gone the watch ends by itself. Holds no resource of this process open.
 */
export async function leash(folder: string, pidFile: string): Promise<void> {
  const background = `(${LEASH}) </dev/null >/dev/null 2>&1 &`;
  // Only `spawn` honours `detached`. A signal to the test run's process group must not reach the watch.
  const shell = new Deno.Command("sh", {
    args: ["-c", background, "leash", String(Deno.pid), folder, pidFile],
    cwd: "/",
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const { success } = await shell.status;
  if (!success) throw new Error(`Cannot watch ${folder}: the shell could not be started`);
}
