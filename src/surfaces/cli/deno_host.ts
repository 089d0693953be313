import { system } from "../../storage/system.ts";
import type { Host } from "./host.ts";
import { PipeSink } from "./pipe_sink.ts";

/** The real machine. */
export function denoHost(args: readonly string[]): Host {
  return {
    args,
    env: (name) => Deno.env.get(name),
    stdout: new PipeSink(Deno.stdout),
    stderr: new PipeSink(Deno.stderr),
    stdin: {
      isTerminal: Deno.stdin.isTerminal(),
      stream: () => Deno.stdin.readable,
      ask: (question) => prompt(question),
    },
    files: { isFile, readText: (path) => Deno.readTextFile(path), importModule, open },
    clock: system,
    onSignal(name, callback) {
      Deno.addSignalListener(name, callback);
      return () => Deno.removeSignalListener(name, callback);
    },
    openJobd: async (url, options) => (await import("../../runtime/jobd.ts")).Jobd.open(url, options),
    openDriver: async (url, options) => (await import("../../storage/open.ts")).openDriver(url, options),
  };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  const url = new URL(path, `file://${Deno.cwd()}/`).href;
  return await import(url);
}

async function open(path: string): Promise<ReadableStream<Uint8Array>> {
  return (await Deno.open(path, { read: true })).readable;
}
