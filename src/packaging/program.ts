import config from "../../deno.json" with { type: "json" };
import { bundle } from "./bundle.ts";
import type { ArchiveFile } from "./tar.ts";

/** What every packaged form of jobd is made of. */
export interface Program {
  /** Shown to users and part of the cache folder's name. */
  version: string;
  /** How Deno is to run `main.js`: flags with the exact rights, and nothing of the folder it is started in. */
  flags: string[];
  /** The Deno binary. */
  deno: Uint8Array;
  /** The bundled program: `main.js`, `import_map.json` and what they load. */
  files: ArchiveFile[];
}

/** This checkout as a program with the Deno that runs now. Its rights are those of the task `jobd`. */
export async function program(): Promise<Program> {
  const [deno, files] = await Promise.all([Deno.readFile(Deno.execPath()), bundle()]);
  const task: string = config.tasks.jobd;
  return { version: config.version, flags: flags(task.split(" ")), deno, files };
}

/** The flags for a program that has the rights a Deno command line gives. */
export function flags(command: string[]): string[] {
  const isolation = ["--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-npm", "--no-remote"];
  return [...isolation, ...command.filter((word) => word.startsWith("--allow-"))];
}
