import type { Platform } from "./platform.ts";

/** Deno. Its own calls, because loading `node:fs` takes longer than a short command does. */
export const deno: Platform = {
  name: "Deno",
  get os() {
    return Deno.build.os;
  },
  get pid() {
    return Deno.pid;
  },
  may: (right) => Deno.permissions.querySync(right).state === "granted",
  hostname: () => Deno.hostname(),
  createFile: (path) => Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close(),
  tryFile: (path) => Deno.openSync(path, { read: true, write: true }).close(),
  removeFile: (path) => Deno.removeSync(path),
  readText: (path) => Deno.readTextFileSync(path),
  readLink: (path) => Deno.readLinkSync(path),
  list: (folder) => Array.from(Deno.readDirSync(folder), ({ name }) => name),
  kill: (pid, signal) => Deno.kill(pid, signal),
  async run(program, args, env) {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  },
  complain(text) {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  },
  startThread(module, order) {
    const thread = new Worker(module.href, { type: "module" });
    thread.postMessage(order);
    return thread;
  },
  order: () =>
    new Promise((resolve) => {
      self.addEventListener("message", (event) => resolve((event as MessageEvent).data), { once: true });
    }),
  hasSqlite: () => true,
};
