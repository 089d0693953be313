import type { Platform } from "./platform.ts";

/** A module that is built in; loaded by its first use, so that this file costs nothing under Deno. */
type Builtin = NodeJS.Process["getBuiltinModule"];

/** Node.js, and Bun, which has the same calls. */
export function node(name: "Node.js" | "Bun"): Platform {
  const builtin: Builtin = (id: string) => ownProcess().getBuiltinModule(id);
  return {
    name,
    get os() {
      return ownProcess().platform;
    },
    get pid() {
      return ownProcess().pid;
    },
    may: () => true,
    hostname: () => builtin("node:os").hostname(),
    createFile(path) {
      const fs = builtin("node:fs");
      fs.closeSync(fs.openSync(path, "wx", 0o600));
    },
    tryFile(path) {
      const fs = builtin("node:fs");
      fs.closeSync(fs.openSync(path, "r+"));
    },
    removeFile: (path) => builtin("node:fs").rmSync(path),
    readText: (path) => builtin("node:fs").readFileSync(path, "utf8"),
    readLink: (path) => builtin("node:fs").readlinkSync(path),
    list: (folder) => builtin("node:fs").readdirSync(folder),
    kill: (pid, signal) => void ownProcess().kill(pid, signal),
    run: (program, args, env) =>
      new Promise((resolve, reject) => {
        const { spawn } = builtin("node:child_process");
        const child = spawn(program, args, { env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
        const ran = { stdout: "", stderr: "" };
        for (const stream of ["stdout", "stderr"] as const) {
          child[stream].setEncoding("utf8").on("data", (text: string) => ran[stream] += text);
        }
        child.on("error", reject);
        // No code is that of a program that a signal has ended.
        child.on("close", (code) => resolve({ code: code ?? 1, ...ran }));
      }),
    complain(text) {
      builtin("node:fs").writeSync(2, text);
    },
    startThread(module, order) {
      const thread = new (builtin("node:worker_threads").Worker)(module, { workerData: order });
      return { terminate: () => void thread.terminate() };
    },
    order: () => Promise.resolve(builtin("node:worker_threads").workerData),
    // The first ones lacked this, and more that came with it.
    hasSqlite: () => builtin("node:sqlite")?.StatementSync.prototype.setReturnArrays !== undefined,
  };
}

/** This process, as Node.js shows it. */
function ownProcess(): NodeJS.Process {
  return (globalThis as unknown as { process: NodeJS.Process }).process;
}
