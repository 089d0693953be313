import { type ErrorCode, JobdError } from "../../domain/errors.ts";
import type { Jobd } from "../../runtime/jobd.ts";

/** How the program stands. */
export interface Health {
  /** Whether it can do its work. */
  status: "ok" | "unavailable";
  /** The program's version. */
  version: string;
  /** The store. */
  store: { status: "ok" | "unavailable"; backend: string; code?: ErrorCode };
}

/** Asks the store for its time: whoever can do that can be worked with. */
export async function healthOf(jobd: Jobd, version: string): Promise<Health> {
  const { backend } = jobd;
  try {
    await jobd.ping();
    return { status: "ok", version, store: { status: "ok", backend } };
  } catch (error) {
    const code = error instanceof JobdError ? error.code : "internal";
    return { status: "unavailable", version, store: { status: "unavailable", backend, code } };
  }
}
