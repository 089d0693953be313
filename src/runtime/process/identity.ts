/** Who a process is, precisely enough that a later process with the same number is not taken for it. */
export interface ProcessIdentity {
  /** The machine's name; for people, it proves nothing. */
  host: string;
  /** The process number inside its namespace. */
  pid: number;
  /** When it started, in clock ticks since boot; null where the system does not tell. */
  startTicks: number | null;
  /** The boot of the machine's kernel; null where the system does not tell. */
  bootId: string | null;
  /** The namespace in which `pid` counts (each container has its own); null where the system does not tell. */
  pidNamespace: string | null;
}

/** What a worker asks about processes: who it is itself, whether another one lives, and to end what dead ones left. */
export interface ProcessWatch {
  /** Who this process is. */
  identity(): Promise<ProcessIdentity>;
  /** Whether a process runs; undefined when that cannot be told from here, so only `false` proves a death. */
  isAlive(identity: Omit<ProcessIdentity, "host">): Promise<boolean | undefined>;
  /** Ends what processes of this machine that run no more have started and left. */
  reapStrays(): Promise<unknown>;
}

/** The environment variable that says which daemon started it: `<pid>:<start ticks>:<boot id>:<pid namespace>`. */
export const OWNER_VARIABLE = "JOBD_OWNER";

/** The value of {@linkcode OWNER_VARIABLE} for a daemon. */
export function ownerMark(identity: ProcessIdentity): string {
  const { pid, startTicks, bootId, pidNamespace } = identity;
  return [pid, startTicks ?? "", bootId ?? "", pidNamespace ?? ""].join(":");
}

/** Reads {@linkcode ownerMark} back; undefined for anything else, and for marks of systems that do not tell all of it. */
export function parseOwnerMark(mark: string): Omit<ProcessIdentity, "host"> | undefined {
  const match = /^(\d+):(\d+):([\w-]+):(\d+)$/.exec(mark);
  if (match === null) return undefined;
  const [, pid, startTicks, bootId, pidNamespace] = match;
  return { pid: Number(pid), startTicks: Number(startTicks), bootId: bootId!, pidNamespace: pidNamespace! };
}
