import { JobdError } from "../../domain/errors.ts";
import { platform } from "../../storage/platform/here.ts";
import type { Signal } from "../../storage/platform/platform.ts";
import { ATTEMPT_VARIABLE } from "../../domain/attempt_mark.ts";
import { OWNER_VARIABLE } from "./identity.ts";
import { namespaceNumber, parseStat } from "./proc_table.ts";
import type { ProcessRow, ProcessTable, Visitor } from "./table.ts";

/** The program that it runs; the right to run it is all that it needs. */
export const SHELL = "/bin/sh";

const SCAN = `exec grep -zasH -e '^[0-9][0-9]* (' -e '^${ATTEMPT_VARIABLE}=' -e '^${OWNER_VARIABLE}=' \
/proc/[0-9]*/stat /proc/[0-9]*/environ`;
const SIGNAL = 'kill -s "$0" -- "$@" 2>/dev/null; :';
const PLACE = "uname -n; cat /proc/sys/kernel/random/boot_id && readlink /proc/self/ns/pid";
const MEMORY = 'for pid; do set -- "$@" "/proc/$pid/status"; shift; done; grep -sH "^VmRSS" "$@"; :';
const MEMORY_LINE = /^\/proc\/(\d+)\/status:VmRSS:\s+(\d+) kB/;
const MEMORY_PS = 'for pid; do ps -o pid= -o rss= -p "$pid"; done; :';
const MEMORY_PS_LINE = /^\s*(\d+)\s+(\d+)/;
// Systems without /proc show neither marks nor start times: there a tree is its group and the children of its members.
const SCAN_PS = "exec ps -A -o pid= -o ppid= -o pgid= -o state=";

/**
 * The process table through `sh`, `grep` and `ps`, for a daemon without the permission to read /proc itself. Each look
 * starts a program, so against processes that fork without pause, or when no more can be started, it is the weaker one.
 */
export class ShellTable implements ProcessTable {
  readonly #proc: boolean;

  /** `proc` says whether the system has /proc. */
  constructor({ proc }: { proc: boolean }) {
    this.#proc = proc;
  }

  async scan(visitors: readonly Visitor[]): Promise<void> {
    const rows = this.#proc ? procRows(await shell(SCAN)) : psRows(await shell(SCAN_PS));
    const wanted = new Map<Signal, string[]>();
    for (const row of rows) {
      for (const signal of visitors.flatMap((visitor) => visitor(row))) {
        const pids = wanted.get(signal) ?? [];
        wanted.set(signal, pids);
        pids.push(String(row.pid));
      }
    }
    for (const [signal, pids] of wanted) await shell(SIGNAL, [signal.slice(3), ...pids]);
  }

  async signalGroup(group: number, signal: Signal): Promise<void> {
    await shell(SIGNAL, [signal.slice(3), `-${group}`]);
  }

  async memory(pids: readonly number[]): Promise<Map<number, number>> {
    const taken = new Map<number, number>();
    if (pids.length === 0) return taken;
    const script = this.#proc ? MEMORY : MEMORY_PS;
    for (const line of (await shell(script, ["sh", ...pids.map(String)])).split("\n")) {
      const [, pid, kilobytes] = (this.#proc ? MEMORY_LINE : MEMORY_PS_LINE).exec(line) ?? [];
      if (pid !== undefined) taken.set(Number(pid), Number(kilobytes) * 1024);
    }
    return taken;
  }

  async place(): ReturnType<ProcessTable["place"]> {
    const [host = "", bootId, link] = (await shell(this.#proc ? PLACE : "uname -n")).trim().split("\n");
    return { host, bootId: bootId ?? null, pidNamespace: link === undefined ? null : namespaceNumber(link) };
  }
}

/** Runs one of the fixed scripts above; arguments arrive as `$0`, `$1`, ... and are never read as code. */
async function shell(script: string, args: string[] = []): Promise<string> {
  const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
  const { code, stdout, stderr } = await platform.run(SHELL, ["-c", script, ...args], env);
  // grep says 2 when some process ended while it was read, and prints the rest.
  if (stdout === "" && code !== 0) {
    throw new JobdError("internal", `Cannot read the process table: ${stderr.trim()}`, {
      hint: "The daemon needs sh with GNU grep, or ps, or the permission to read /proc itself (--allow-all).",
    });
  }
  return stdout;
}

function procRows(text: string): ProcessRow[] {
  const rows = new Map<string, ProcessRow>();
  for (const record of text.split("\0")) {
    const match = /^\/proc\/(\d+)\/(stat|environ):/.exec(record);
    if (match === null) continue;
    const [prefix, pid, file] = match;
    const content = record.slice(prefix.length);
    if (file === "stat") {
      const stat = parseStat(content);
      if (stat !== undefined) rows.set(pid!, { ...stat, attempt: null, owner: null });
      continue;
    }
    const row = rows.get(pid!);
    const value = content.slice(content.indexOf("=") + 1);
    if (row !== undefined && content.startsWith(ATTEMPT_VARIABLE)) row.attempt = value;
    if (row !== undefined && content.startsWith(OWNER_VARIABLE)) row.owner = value;
  }
  return [...rows.values()].sort((a, b) => b.pid - a.pid);
}

function psRows(text: string): ProcessRow[] {
  return text.split("\n").flatMap((line) => {
    const [pid, ppid, group, state] = line.trim().split(/\s+/);
    if (state === undefined) return [];
    const ids = { pid: Number(pid), ppid: Number(ppid), group: Number(group), session: Number(group) };
    return [{ ...ids, zombie: state.startsWith("Z"), startTicks: 0, attempt: null, owner: null }];
  });
}
