import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { npmPackage } from "../../src/packaging/npm.ts";
import { cachedFolder } from "../support/cached_folder.ts";
import type { Ended } from "./installed.ts";

const ARM = Deno.build.arch === "aarch64";
const NODE = `node-${Deno.build.os}-${ARM ? "arm64" : "x64"}`;
const BUN = `@oven/bun-${Deno.build.os}-${ARM ? "aarch64" : "x64-baseline"}`;

// The packages that carry the programs themselves: those named node and bun fetch them by install scripts.
const TOOLS = {
  [NODE]: "22.23.3",
  [BUN]: "1.4.5",
  "npm": "11.19.1",
  "typescript": "6.0.3",
  "@types/node": "22.20.5",
};
const PROGRAMS = join(import.meta.dirname ?? "", "npm");

/** What runs programs of Node.js and Bun: fetched by Deno, so that tests need nothing else. */
export interface Runtimes {
  readonly "Node.js": string;
  readonly "Bun": string;
  /** A folder of packages: npm, TypeScript, types. */
  readonly packages: string;
}

/** One of them. */
export type RuntimeName = "Node.js" | "Bun";

/** Gets them, once for all test runs. */
async function runtimes(): Promise<Runtimes> {
  const name = `npm-${Object.values(TOOLS).join("-")}`;
  const packages = join(
    await cachedFolder(name, async (folder) => {
      await Deno.writeTextFile(
        join(folder, "package.json"),
        JSON.stringify({ private: true, dependencies: TOOLS }),
      );
      const args = ["install", "--quiet", "--node-modules-linker=hoisted"];
      const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
      if (!success) throw new Error(`cannot get ${name}: ${new TextDecoder().decode(stderr)}`);
    }),
    "node_modules",
  );
  return { packages, "Node.js": join(packages, NODE, "bin/node"), "Bun": join(packages, BUN, "bin/bun") };
}

/** A program of the tests that runs. */
export interface Running extends AsyncDisposable {
  /** Resolves when it has printed a line. */
  readonly said: Promise<void>;
  /** Ends it and gives how it ended; `SIGTERM` asks it to. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<Ended>;
}

/** A folder with a project of npm in it, in which the package is installed from its archive. */
export class NpmApp implements AsyncDisposable {
  readonly folder: string;
  readonly #runtimes: Runtimes;

  private constructor(folder: string, runtimes: Runtimes) {
    this.folder = folder;
    this.#runtimes = runtimes;
  }

  /** Makes the package, installs it with npm, and puts the programs of the tests beside it. */
  static async create(): Promise<NpmApp> {
    const [tools, archive] = await Promise.all([runtimes(), npmPackage()]);
    const app = new NpmApp(await Deno.makeTempDir({ prefix: "jobd-npm-" }), tools);
    await cp(PROGRAMS, app.folder, { recursive: true });
    await Deno.writeTextFile(
      join(app.folder, "package.json"),
      JSON.stringify({ private: true, type: "module" }),
    );
    await Deno.writeFile(join(app.folder, "jobd.tgz"), archive);
    const npm = join(tools.packages, "npm/bin/npm-cli.js");
    const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    const { code, error } = await app.run("Node.js", npm, ...install, "./jobd.tgz");
    assert.equal(code, 0, error);
    return app;
  }

  /** Runs a program of the folder to its end. */
  async run(runtime: RuntimeName, ...args: string[]): Promise<Ended> {
    return await ended(this.#spawn(this.#runtimes[runtime], args));
  }

  /** The same, which must succeed; gives what it printed. */
  async print(runtime: RuntimeName, ...args: string[]): Promise<string> {
    const { code, out, error } = await this.run(runtime, ...args);
    assert.equal(code, 0, `${runtime} ${args.join(" ")}: ${error}`);
    return out;
  }

  /** Starts a program; Deno's runs beside the sources. */
  start(runtime: RuntimeName | "Deno", program: string, ...args: string[]): Running {
    const command = runtime === "Deno"
      ? this.#spawn(Deno.execPath(), [
        "run",
        "--quiet",
        "--no-prompt",
        "-A",
        join(PROGRAMS, program),
        ...args,
      ])
      : this.#spawn(this.#runtimes[runtime], [program, ...args]);
    return running(command);
  }

  /** Checks the types of programs as TypeScript's own compiler does; gives what it complains about. */
  async complaints(...files: string[]): Promise<string> {
    const compilerOptions = {
      target: "es2023",
      lib: ["es2023", "esnext.disposable"],
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      erasableSyntaxOnly: true,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: false,
      types: ["node"],
      typeRoots: [join(this.#runtimes.packages, "@types")],
    };
    await Deno.writeTextFile(join(this.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const { code, out } = await this.run("Node.js", join(this.#runtimes.packages, "typescript/bin/tsc"));
    return code === 0 ? "" : out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  #spawn(program: string, args: string[]): Deno.ChildProcess {
    // npm starts what it finds as `node`.
    const path = `${dirname(this.#runtimes["Node.js"])}:/usr/bin:/bin`;
    return new Deno.Command(program, {
      args,
      cwd: this.folder,
      env: { PATH: path, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }
}

async function ended(child: Deno.ChildProcess): Promise<Ended> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
}

function running(child: Deno.ChildProcess): Running {
  const said = Promise.withResolvers<void>();
  const read = async (
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    heard: () => void,
  ): Promise<string> => {
    let text = "";
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
      text += piece;
      heard();
    }
    return text;
  };
  const output = Promise.all([child.status, read(child.stdout, said.resolve), read(child.stderr, () => {})]);
  let over = false;
  output.then(([, , error]) => {
    over = true;
    said.reject(new Error(`It ended before it said anything: ${error}`));
  });
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<Ended> => {
    if (!over) child.kill(signal);
    const [{ code }, out, error] = await output;
    return { code, out, error };
  };
  return { said: said.promise, end, [Symbol.asyncDispose]: async () => void await end("SIGKILL") };
}
