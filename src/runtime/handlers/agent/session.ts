import type { Job } from "../../../domain/job.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The session of an attempt: the one to continue that the last attempt left, else a new one. Its id follows from the
 * attempt, so it is known before the program says anything, and no other attempt has it.
 */
export async function chooseSession(job: Job): Promise<{ id: string; resume: boolean }> {
  const left = leftSession(job);
  return left === undefined ? { id: await attemptUuid(job), resume: false } : { id: left, resume: true };
}

/** An attempt that ended says in its error whether its session can be continued; one that was lost left a note. */
function leftSession({ error, progress }: Job): string | undefined {
  const told = field(error?.data);
  const id = told === undefined ? field(progress) : told;
  return typeof id === "string" && UUID.test(id) ? id : undefined;
}

function field(value: unknown): unknown {
  return typeof value === "object" && value !== null
    ? (value as { sessionId?: unknown }).sessionId
    : undefined;
}

/** A UUID of version 8 (RFC 9562 §5.8) made of the job and the attempt. */
async function attemptUuid({ id, attempt }: Job): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${id}:${attempt}`));
  const hex = Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
  const variant = "89ab"[Number.parseInt(hex[16]!, 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join("-");
}
