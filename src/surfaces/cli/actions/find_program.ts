/** Where a program is that a handler starts: a path as it is, a name by `PATH`; undefined when there is none to run. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  const candidates = name.includes("/")
    ? [name]
    : path.split(":").filter((folder) => folder !== "").map((folder) => `${folder}/${name}`);
  for (const candidate of candidates) if (await isProgram(candidate)) return candidate;
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    const { isFile, mode } = await Deno.stat(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}
