import { turn } from "../../domain/clock.ts";
import { platform } from "../../storage/platform/here.ts";
import type { Signal } from "../../storage/platform/platform.ts";
import { ATTEMPT_VARIABLE } from "../../domain/attempt_mark.ts";
import { OWNER_VARIABLE } from "./identity.ts";
import type { ProcessRow, ProcessTable, Visitor } from "./table.ts";

/** After so many processes the event loop gets a turn; about 5 ms of reading. */
const ROWS_PER_TURN = 64;

/**
 * Reads /proc in this process. Deno allows that only with all permissions, but then it needs no helper program,
 * so it works when no more processes can be started, and signals follow the look within microseconds.
 */
export class ProcTable implements ProcessTable {
  /** Whether this process may read /proc. */
  static usable(): boolean {
    return statOf("self") !== undefined;
  }

  async scan(visitors: readonly Visitor[], skip?: Set<number>): Promise<void> {
    for (const [index, pid] of listing(skip).entries()) {
      if (index % ROWS_PER_TURN === ROWS_PER_TURN - 1) await turn();
      const row = readRow(pid);
      if (row === undefined) continue;
      for (const visitor of visitors) {
        for (const signal of visitor(row)) send(pid, signal);
      }
    }
  }

  signalGroup(group: number, signal: Signal): Promise<void> {
    send(-group, signal);
    return Promise.resolve();
  }

  memory(pids: readonly number[]): Promise<Map<number, number>> {
    const taken = new Map<number, number>();
    for (const pid of pids) {
      const bytes = residentBytes(read(`/proc/${pid}/status`));
      if (bytes !== undefined) taken.set(pid, bytes);
    }
    return Promise.resolve(taken);
  }

  place(): ReturnType<ProcessTable["place"]> {
    return Promise.resolve({
      host: platform.hostname(),
      bootId: platform.readText("/proc/sys/kernel/random/boot_id").trim(),
      pidNamespace: namespaceNumber(platform.readLink("/proc/self/ns/pid")),
    });
  }
}

/** The processes to look at, newest first: one that forks and exits without pause is caught only right after the listing. */
function listing(skip: Set<number> | undefined): number[] {
  const pids: number[] = [];
  for (const name of platform.list("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid)) pids.push(pid);
  }
  pids.sort((a, b) => b - a);
  if (skip === undefined) return pids;
  const fresh = pids.filter((pid) => !skip.has(pid));
  const here = new Set(pids);
  for (const pid of skip) if (!here.has(pid)) skip.delete(pid);
  return fresh;
}

/** The memory that a text of /proc/PID/status tells of, or a line of it. */
function residentBytes(text: string | undefined): number | undefined {
  const match = /VmRSS:\s+(\d+) kB/.exec(text ?? "");
  return match === null ? undefined : Number(match[1]) * 1024;
}

/** The number in `pid:[4026531836]`. */
export function namespaceNumber(link: string): string | null {
  return /\[(\d+)\]/.exec(link)?.[1] ?? null;
}

/** What the text of /proc/PID/stat says; undefined when it is not such a text. The name in it may contain anything. */
export function parseStat(text: string): Omit<ProcessRow, "attempt" | "owner"> | undefined {
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  const [state, ppid, group, session] = fields;
  const pid = Number.parseInt(text, 10);
  const startTicks = Number(fields[19]);
  if (end < 0 || !Number.isInteger(pid) || !Number.isInteger(startTicks)) return undefined;
  return {
    pid,
    ppid: Number(ppid),
    group: Number(group),
    session: Number(session),
    zombie: state === "Z" || state === "X",
    startTicks,
  };
}

function readRow(pid: number): ProcessRow | undefined {
  const stat = statOf(pid);
  if (stat === undefined) return undefined;
  const environment = read(`/proc/${pid}/environ`);
  return {
    ...stat,
    attempt: environment === undefined ? null : variable(environment, ATTEMPT_VARIABLE),
    owner: environment === undefined ? null : variable(environment, OWNER_VARIABLE),
  };
}

function statOf(pid: number | "self"): ReturnType<typeof parseStat> {
  const text = read(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** Undefined for processes that have just ended and for those of other users. */
function read(path: string): string | undefined {
  try {
    return platform.readText(path);
  } catch {
    return undefined;
  }
}

function variable(environment: string, name: string): string | null {
  const start = environment.startsWith(`${name}=`) ? 0 : environment.indexOf(`\0${name}=`) + 1;
  if (start === 0 && !environment.startsWith(`${name}=`)) return null;
  const end = environment.indexOf("\0", start);
  return environment.slice(start + name.length + 1, end < 0 ? undefined : end);
}

function send(pid: number, signal: Signal): void {
  try {
    platform.kill(pid, signal);
  } catch {
    // It has just ended, or belongs to another user: the next scan shows which.
  }
}
