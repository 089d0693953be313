import { pathToFileURL } from "node:url";
import { JobdError } from "../../domain/errors.ts";
import { BASE_VARIABLES, childEnvironment } from "../handlers/environment.ts";
import type { Isolation } from "./isolation.ts";
import type { ProjectFlags } from "./project.ts";
import { rightFlags } from "./rights.ts";

/** A Deno process for one module. */
export interface ChildProgram {
  /** Deno. */
  command: string;
  /** Its flags, and what it runs. */
  args: string[];
  /** Its whole environment. */
  env: Record<string, string>;
  /** Its folder: the worker's. */
  cwd: string;
  /** The limit of its heap in megabytes. */
  memoryMb: number;
}

/** What a {@linkcode ChildProgram} is made of. */
export interface ChildProgramOptions {
  /** Deno. */
  deno: string;
  /** The path of the module. */
  module: string;
  /** How its imports are resolved. */
  project: ProjectFlags;
  /** Its rights and limits. */
  isolation: Isolation;
  /** Whether it may fetch packages that are missing: at the start of a worker, but not while jobs wait. */
  mayDownload: boolean;
}

/** What Deno itself reads of the environment to find its cache and its way into the network. */
const DENO_VARIABLES: readonly string[] = [
  "DENO_DIR",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "NPM_CONFIG_REGISTRY",
  "XDG_CACHE_HOME",
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]),
];

/** Puts the command line of a process for a module together: what is not given to it here is refused to it. */
export function childProgram(
  { deno, module, project, isolation, mayDownload }: ChildProgramOptions,
): ChildProgram {
  const { permissions, memoryMb } = isolation;
  const { env = [] } = permissions;
  return {
    command: deno,
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      ...(mayDownload ? [] : ["--cached-only"]),
      ...project,
      `--v8-flags=--max-old-space-size=${memoryMb}`,
      ...rightFlags(permissions),
      mainModule(module),
      // For people who look at the list of processes.
      module,
    ],
    env: childEnvironment({
      pass: [...BASE_VARIABLES, ...DENO_VARIABLES, ...env === true ? ["*"] : env],
      set: { DENO_NO_UPDATE_CHECK: "1" },
    }),
    cwd: Deno.cwd(),
    memoryMb,
  };
}

/**
 * What the process runs first. Deno lets a module that is named by a literal be imported without the right to read files, so
 * the process needs none to load what it serves.
 */
function mainModule(module: string): string {
  const serve = new URL("./isolated_child.ts", import.meta.url).href;
  const code = `import{serve}from${JSON.stringify(serve)};await serve(()=>import(${
    JSON.stringify(pathToFileURL(module).href)
  }))`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/**
 * The Deno for processes of modules: the one that is asked for, else the one that runs this program.
 *
 * @throws {JobdError} `invalid_config` in a program that holds no Deno
 */
export function denoFor(
  asked: string | undefined,
  { standalone, execPath }: { standalone: boolean; execPath(): string } = {
    standalone: Deno.build.standalone,
    execPath: () => Deno.execPath(),
  },
): string {
  if (!standalone) return asked ?? execPath();
  throw new JobdError(
    "invalid_config",
    "This jobd was made by `deno compile`: it holds no Deno that could run handlers in processes of their own",
    {
      hint:
        "Use the executable of `deno task compile` or the container, which hold one, or start jobd with `deno run`; or take " +
        "`isolate` and `permissions` out of the definitions.",
    },
  );
}
