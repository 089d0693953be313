import type { AboutRun } from "./results.ts";
import { POSTGRES_SETTINGS } from "../stores.ts";
import { REDIS_SETTINGS } from "./redis.ts";

/** Bytes in one write of the disk test, like one small commit. */
const WRITE = new Uint8Array(512);
const WRITES = 200;

/** The machine and the settings; no names and no paths. */
export async function aboutRun(versions: Record<string, string>): Promise<AboutRun> {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      processor: await processor(),
      cores: navigator.hardwareConcurrency,
      memoryGb: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
      system: await system(),
      commitMicros: await commitMicros(),
    },
    versions: { Deno: Deno.version.deno, ...versions },
    postgres: POSTGRES_SETTINGS,
    redis: REDIS_SETTINGS,
  };
}

async function processor(): Promise<string> {
  const text = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return /^model name\s*:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? Deno.build.arch;
}

async function system(): Promise<string> {
  const text = await Deno.readTextFile("/etc/os-release").catch(() => "");
  return /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? Deno.build.os;
}

/** How long the disk takes to make a small write durable, in microseconds; the median. */
async function commitMicros(): Promise<number> {
  const path = await Deno.makeTempFile({ prefix: "jobd-bench-disk-" });
  try {
    using file = await Deno.open(path, { write: true });
    const times: number[] = [];
    for (let count = 0; count < WRITES; count++) {
      await file.write(WRITE);
      const start = performance.now();
      file.syncDataSync();
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    return Math.round((times[WRITES / 2] ?? Number.NaN) * 1_000);
  } finally {
    await Deno.remove(path);
  }
}
