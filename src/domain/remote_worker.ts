import { checkName } from "./names.ts";

const PREFIX = "remote:";

/**
 * The id of a worker that is a program elsewhere and talks to jobd over HTTP. No worker of jobd itself has such an id, so a
 * remote one cannot take the name, and the leases, of another; nor can one of another namespace.
 *
 * @throws {JobdError} `invalid_request` for a bad name
 */
export function remoteWorkerId(namespace: string, name: string): string {
  return `${PREFIX}${checkName("worker", name)}@${namespace}`;
}

/** Whether a worker is such a program. */
export function isRemoteWorker(id: string): boolean {
  return id.startsWith(PREFIX) && id.includes("@");
}

/** Whether a worker is such a program, and of this namespace. */
export function isRemoteWorkerOf(namespace: string, id: string): boolean {
  return isRemoteWorker(id) && id.endsWith(`@${namespace}`);
}
