import { join } from "node:path";

/** The folder for temporary files. Other users can reach it: as root, the servers run as one of them. */
export function temporaryFolder(): string {
  return Deno.env.get("TMPDIR") ?? "/tmp";
}

/** True when something is at that path. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/**
 * A folder of that name which later test runs find again; `fill` makes its content the first time. It appears complete
 * or not at all, also when several processes need it at once.
 */
export async function cachedFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(temporaryFolder(), `jobd-test-${name}-${Deno.uid()}`);
  if (await exists(folder)) return await ours(folder);
  const staging = await Deno.makeTempDir({ dir: temporaryFolder(), prefix: "jobd-test-" });
  try {
    await Deno.chmod(staging, 0o755);
    await fill(staging);
    await Deno.rename(staging, folder);
  } catch (error) {
    await Deno.remove(staging, { recursive: true });
    if (!await exists(folder)) throw error; // otherwise another process was faster
  }
  return await ours(folder);
}

/** Anyone may write to the temporary folder: what another user put there is not run. */
async function ours(folder: string): Promise<string> {
  const { uid, isDirectory } = await Deno.lstat(folder);
  if (isDirectory && uid === Deno.uid()) return folder;
  throw new Error(`${folder} belongs to someone else: remove it, or set TMPDIR to a folder of your own.`);
}
